#include "server/domain/incident_fields.h"

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "incidenthub/v1/event.pb.h"

namespace incidenthub {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// `field`: with its tag. `content`: of a field with a length, what stands behind that.
using Visit =
    absl::FunctionRef<void(size_t number, absl::string_view field, absl::string_view content)>;

// Of an encoded message, in their order. False: it is none.
bool VisitFields(absl::string_view message, Visit visit) {
  CodedInputStream input(reinterpret_cast<const uint8_t*>(message.data()),
                         static_cast<int>(message.size()));
  const auto position = [&input] { return static_cast<size_t>(input.CurrentPosition()); };
  while (position() < message.size()) {
    const size_t begin = position();
    const uint32_t tag = input.ReadTag();
    if (tag == 0) return false;
    size_t content = 0;
    if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      uint32_t size = 0;
      if (!input.ReadVarint32(&size)) return false;
      content = position();
      if (!input.Skip(static_cast<int>(size))) return false;
    } else {
      if (!WireFormatLite::SkipField(&input, tag)) return false;
      content = position();
    }
    visit(static_cast<size_t>(WireFormatLite::GetTagFieldNumber(tag)),
          message.substr(begin, position() - begin), message.substr(content, position() - content));
  }
  return true;
}

}  // namespace

bool ParseIncident(absl::string_view event, const IncidentFields& fields, v1::Incident* incident) {
  std::string wanted;
  bool parsed = true;
  const auto keep = [&](size_t number, absl::string_view field, absl::string_view) {
    if (number < fields.size() && fields.test(number)) wanted.append(field.data(), field.size());
  };
  // Should the event have two incidents, they are one, by being joined.
  const auto look_into = [&](size_t number, absl::string_view, absl::string_view content) {
    if (number == v1::Event::kIncidentFieldNumber) parsed = parsed && VisitFields(content, keep);
  };
  return VisitFields(event, look_into) && parsed && incident->ParseFromString(wanted);
}

}  // namespace incidenthub

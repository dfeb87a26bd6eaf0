#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "tests/bench/peers.h"
#include "tests/support/hub_channel.h"

namespace incidenthub::bench {
namespace {

using google::protobuf::internal::WireFormatLite;

constexpr char kPut[] = "/etcdserverpb.KV/Put";
// Of etcdserverpb.PutRequest.
constexpr int kKeyField = 1;
constexpr int kValueField = 2;
constexpr absl::Duration kConnectTime = absl::Seconds(10);

grpc::ByteBuffer PutRequest(const std::string& key, const std::string& value) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream output(&stream);
    WireFormatLite::WriteBytes(kKeyField, key, &output);
    WireFormatLite::WriteBytes(kValueField, value, &output);
  }
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

// All puts, until the end.
class Puts {
 public:
  explicit Puts(const PeerLoad& load) : load_(load), value_(load.body_bytes, 'x') {
    for (size_t i = 0; i < load.in_flight; ++i) {
      const auto channel = testing::ConnectToHub(load.port);
      channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kConnectTime));
      stubs_.push_back(std::make_unique<grpc::GenericStub>(channel));
    }
    begin_ = NowNanos() + absl::ToInt64Nanoseconds(load.warmup);
    end_ = begin_ + absl::ToInt64Nanoseconds(load.duration);
  }

  absl::StatusOr<PeerResult> Run() ABSL_LOCKS_EXCLUDED(mu_) {
    for (const auto& stub : stubs_) Next(stub.get());
    absl::MutexLock lock(&mu_);
    while (ended_ < stubs_.size()) changed_.Wait(&mu_);
    if (!failed_.ok()) return failed_;
    PeerResult result;
    result.per_second =
        static_cast<double>(latencies_.count()) / absl::ToDoubleSeconds(load_.duration);
    result.latencies = latencies_;
    return result;
  }

 private:
  struct Put {
    grpc::ClientContext context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
    int64_t start = 0;
  };

  void Next(grpc::GenericStub* stub) ABSL_LOCKS_EXCLUDED(mu_) {
    auto put = std::make_shared<Put>();
    {
      absl::MutexLock lock(&mu_);
      put->request = PutRequest(absl::StrFormat("incidents/%016d", next_++ % load_.keys), value_);
    }
    // Every wait has a bound.
    put->context.set_deadline(absl::ToChronoTime(absl::Now() + load_.duration + kConnectTime));
    put->start = NowNanos();
    stub->UnaryCall(&put->context, kPut, {}, &put->request, &put->response,
                    [this, put, stub](const grpc::Status& status) { Done(*put, status, stub); });
  }

  void Done(const Put& put, const grpc::Status& status, grpc::GenericStub* stub)
      ABSL_LOCKS_EXCLUDED(mu_) {
    const int64_t now = NowNanos();
    {
      absl::MutexLock lock(&mu_);
      if (!status.ok() && failed_.ok()) {
        failed_ = absl::UnavailableError(absl::StrCat("a put failed: ", status.error_message()));
      }
      if (now >= begin_ && now < end_) latencies_.Add(now - put.start);
      if (now >= end_ || !failed_.ok()) {
        ++ended_;
        changed_.SignalAll();
        return;
      }
    }
    Next(stub);
  }

  const PeerLoad load_;
  const std::string value_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  int64_t begin_ = 0;
  int64_t end_ = 0;
  absl::Mutex mu_;
  absl::CondVar changed_;
  uint64_t next_ ABSL_GUARDED_BY(mu_) = 0;
  size_t ended_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status failed_ ABSL_GUARDED_BY(mu_);
  Latencies latencies_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

absl::StatusOr<PeerResult> PutToEtcd(const PeerLoad& load) { return Puts(load).Run(); }

}  // namespace incidenthub::bench

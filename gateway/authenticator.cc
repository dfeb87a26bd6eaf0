#include "gateway/authenticator.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status_macros.h"

namespace incidenthub::gateway {
namespace {

using Scheme = HeaderCredential::Scheme;

constexpr char kQueryParameter[] = "access_token";

absl::string_view CheckBearerValue(absl::string_view value) {
  if (AfterScheme(value, "Bearer").has_value()) {
    return "begins with Bearer: give the token alone, or leave the scheme out of the configuration";
  }
  return value.find(' ') == absl::string_view::npos ? "" : "has a blank in it, which no token has";
}

absl::string_view CheckBasicValue(absl::string_view value) {
  return value.find(':') == absl::string_view::npos ? "is not USER:PASSWORD" : "";
}

Credentials::ValueCheck CheckOf(Scheme scheme) {
  switch (scheme) {
    case Scheme::kBearer:
      return CheckBearerValue;
    case Scheme::kBasic:
      return CheckBasicValue;
    case Scheme::kWhole:
      break;
  }
  return nullptr;
}

// None: a '%' without two hexadecimal digits after it.
absl::optional<std::string> PercentDecode(absl::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    if (text.front() != '%') {
      decoded += text.front();
      text.remove_prefix(1);
      continue;
    }
    if (text.size() < 3 || !absl::ascii_isxdigit(static_cast<unsigned char>(text[1])) ||
        !absl::ascii_isxdigit(static_cast<unsigned char>(text[2]))) {
      return absl::nullopt;
    }
    decoded += absl::HexStringToBytes(text.substr(1, 2));
    text.remove_prefix(3);
  }
  return decoded;
}

// The values of the query's parameter, decoded. What cannot be decoded is a value that no file has.
std::vector<std::string> QueryTokens(absl::string_view target) {
  std::vector<std::string> tokens;
  const size_t question = target.find('?');
  if (question == absl::string_view::npos) return tokens;
  for (const absl::string_view pair : absl::StrSplit(target.substr(question + 1), '&')) {
    const size_t equals = pair.find('=');
    if (PercentDecode(pair.substr(0, equals)) != kQueryParameter) continue;
    const absl::string_view value =
        equals == absl::string_view::npos ? absl::string_view() : pair.substr(equals + 1);
    tokens.push_back(PercentDecode(value).value_or(""));
  }
  return tokens;
}

class HeaderAuthenticator final : public Authenticator {
 public:
  HeaderAuthenticator(HeaderCredential credential, std::unique_ptr<Credentials> credentials)
      : credential_(std::move(credential)), credentials_(std::move(credentials)) {}

  absl::Status Check(const RequestHead& head) override {
    ASSIGN_OR_RETURN(const std::string value, Presented(head));
    if (credentials_->Accepts(value)) return absl::OkStatus();
    return absl::UnauthenticatedError(absl::StrCat(Place(), " holds no valid value"));
  }

  std::string Place() const override {
    return absl::StrCat(
        "the header ", credential_.header,
        credential_.takes_query ? absl::StrCat(" or the query parameter ", kQueryParameter) : "");
  }

  std::string Challenge() const override {
    if (!absl::EqualsIgnoreCase(credential_.header, "Authorization")) return "";
    return credential_.scheme == Scheme::kBasic ? "Basic realm=\"incidenthub\", charset=\"UTF-8\""
                                                : kBearerChallenge;
  }

 private:
  // What is to be one of the file's values.
  absl::StatusOr<std::string> Presented(const RequestHead& head) const {
    if (credential_.takes_query) {
      const std::vector<std::string> tokens = QueryTokens(head.target);
      if (tokens.size() == 1 && head.CountOf(credential_.header) == 0) return tokens.front();
      if (!tokens.empty()) {
        return absl::UnauthenticatedError(absl::StrCat(Place(), ": stand more than once together"));
      }
    }
    ASSIGN_OR_RETURN(const absl::string_view value, OnlyValueOf(head, credential_.header));
    if (credential_.scheme == Scheme::kWhole) return std::string(value);
    const bool is_basic = credential_.scheme == Scheme::kBasic;
    const absl::string_view scheme = is_basic ? "Basic" : "Bearer";
    const absl::optional<absl::string_view> rest = AfterScheme(value, scheme);
    if (!rest.has_value()) {
      return absl::UnauthenticatedError(
          absl::StrCat("the header ", credential_.header, " is not ", scheme, " and a value"));
    }
    if (!is_basic) return std::string(*rest);
    std::string decoded;
    if (!absl::Base64Unescape(*rest, &decoded)) {
      return absl::UnauthenticatedError(
          absl::StrCat("the header ", credential_.header, " is not Basic and base64"));
    }
    return decoded;
  }

  const HeaderCredential credential_;
  const std::unique_ptr<Credentials> credentials_;
};

}  // namespace

absl::StatusOr<absl::string_view> OnlyValueOf(const RequestHead& head, absl::string_view name) {
  const size_t count = head.CountOf(name);
  if (count == 1) return head.ValueOf(name);
  // Two of them are not one credential.
  return absl::UnauthenticatedError(
      absl::StrCat("the header ", name, count == 0 ? " is missing" : " stands more than once"));
}

absl::optional<absl::string_view> AfterScheme(absl::string_view value, absl::string_view scheme) {
  if (!absl::StartsWithIgnoreCase(value, scheme)) return absl::nullopt;
  value.remove_prefix(scheme.size());
  if (value.empty() || value.front() != ' ') return absl::nullopt;
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  if (value.empty()) return absl::nullopt;
  return value;
}

absl::StatusOr<std::unique_ptr<Authenticator>> MakeHeaderAuthenticator(HeaderCredential credential,
                                                                       const Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<Credentials> credentials,
                   Credentials::Load(credential.values_file, clock, CheckOf(credential.scheme)));
  return std::make_unique<HeaderAuthenticator>(std::move(credential), std::move(credentials));
}

}  // namespace incidenthub::gateway

#include "gateway/sources.h"

#include <filesystem>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/host_port.h"
#include "common/logging.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "common/watched_file.h"
#include "gateway/jwt.h"
#include "google/protobuf/util/json_util.h"
#include "incidenthub/internal/v1/gateway_config.pb.h"

namespace incidenthub::gateway {
namespace {

using internal::v1::GatewayConfigFile;
using internal::v1::GatewayCredentialConfig;
using internal::v1::GatewaySourceConfig;
using internal::v1::HeaderCredentialConfig;
using internal::v1::JwtCredentialConfig;

constexpr absl::string_view kBigPanda = "bigpanda";

absl::Status Mistake(absl::string_view what) { return absl::InvalidArgumentError(what); }

// `status` with words before its own.
absl::Status Prefixed(absl::string_view prefix, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(prefix, status.message()));
}

const decode::SourceKind* FindKind(absl::Span<const decode::SourceKind> kinds,
                                   absl::string_view name) {
  const auto kind = absl::c_find_if(
      kinds, [name](const decode::SourceKind& candidate) { return candidate.name == name; });
  return kind == kinds.end() ? nullptr : &*kind;
}

absl::Status CheckName(absl::string_view name) {
  const bool named =
      !name.empty() && name.size() <= kSourceNameBytesMax && absl::c_all_of(name, [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ||
               c == '.';
      });
  // As the last part of a path proxies take these two away.
  if (named && name != "." && name != "..") return absl::OkStatus();
  return Mistake(absl::StrCat("name must be 1 to ", kSourceNameBytesMax,
                              " letters, digits, '-', '_' and '.', and not '.' or '..'"));
}

// Builds sources of one configuration file.
class SourceBuilder {
 public:
  SourceBuilder(const Options& options, const Clock& clock,
                absl::Span<const decode::SourceKind> kinds)
      : folder_(std::filesystem::path(options.sources_config).parent_path()),
        clock_(clock),
        kinds_(kinds) {
    const absl::StatusOr<HostPort> listen = ParseHostPort(options.listen);
    may_accept_everybody_ = options.allow_unauthenticated || (listen.ok() && listen->IsLoopback());
  }

  absl::StatusOr<Source> Build(const GatewaySourceConfig& config) const {
    RETURN_IF_ERROR(CheckName(ToAbsl(config.name())));
    Source source;
    source.name = config.name();
    source.kind = FindKind(kinds_, config.kind());
    if (source.kind == nullptr) {
      return Mistake(absl::StrCat(
          "kind \"", Echo(config.kind()), "\" must be one of ",
          absl::StrJoin(kinds_, ", ", [](std::string* out, const decode::SourceKind& kind) {
            absl::StrAppend(out, kind.name);
          })));
    }
    const bool own_path = !source.kind->has_app_keys && source.name != source.kind->name;
    source.path = own_path ? absl::StrCat(source.kind->path, "/", source.name)
                           : std::string(source.kind->path);
    RETURN_IF_ERROR(AddAppKeys(config, &source));
    RETURN_IF_ERROR(AddAuthenticators(config, &source));
    source.refusals = std::make_unique<RefusalLog>("sender not admitted", clock_);
    return source;
  }

 private:
  std::string PathOf(const std::string& file) const { return (folder_ / file).string(); }

  absl::Status AddAppKeys(const GatewaySourceConfig& config, Source* source) const {
    const bool given = !config.app_keys_file().empty();
    if (!source->kind->has_app_keys) {
      return given ? Mistake(absl::StrCat("app_keys_file is not for the kind ", source->kind->name))
                   : absl::OkStatus();
    }
    if (!given) {
      return Mistake(absl::StrCat("app_keys_file is required for the kind ", source->kind->name));
    }
    absl::StatusOr<std::unique_ptr<Credentials>> keys =
        Credentials::Load(PathOf(config.app_keys_file()), clock_);
    if (!keys.ok()) return Prefixed("app_keys_file: ", keys.status());
    source->app_keys = *std::move(keys);
    return absl::OkStatus();
  }

  absl::Status AddAuthenticators(const GatewaySourceConfig& config, Source* source) const {
    if (config.credentials().empty() && !may_accept_everybody_) {
      return Mistake(
          "credentials: give at least one; other machines can reach --listen, and every sender "
          "would be accepted; or say --allow_unauthenticated");
    }
    if (static_cast<size_t>(config.credentials_size()) > kCredentialsPerSourceMax) {
      return Mistake(absl::StrCat("credentials: more than ", kCredentialsPerSourceMax));
    }
    for (int i = 0; i < config.credentials_size(); ++i) {
      absl::StatusOr<std::unique_ptr<Authenticator>> authenticator =
          MakeAuthenticator(config.credentials(i), *source->kind);
      if (!authenticator.ok()) {
        return Prefixed(absl::StrCat("credentials[", i, "]."), authenticator.status());
      }
      source->authenticators.push_back(*std::move(authenticator));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<Authenticator>> MakeAuthenticator(
      const GatewayCredentialConfig& config, const decode::SourceKind& kind) const {
    switch (config.credential_case()) {
      case GatewayCredentialConfig::kHeader:
        return MakeHeader(config.header(), kind);
      case GatewayCredentialConfig::kJwt:
        return MakeJwt(config.jwt());
      case GatewayCredentialConfig::CREDENTIAL_NOT_SET:
        break;
    }
    return Mistake("header or jwt is required");
  }

  absl::StatusOr<std::unique_ptr<Authenticator>> MakeHeader(const HeaderCredentialConfig& config,
                                                            const decode::SourceKind& kind) const {
    HeaderCredential credential;
    if (!config.name().empty()) credential.header = config.name();
    if (!IsFieldName(credential.header)) {
      return Mistake(absl::StrCat("header.name \"", Echo(credential.header),
                                  "\" is no name of an HTTP header"));
    }
    switch (config.scheme()) {
      case HeaderCredentialConfig::SCHEME_UNSPECIFIED:
        break;
      case HeaderCredentialConfig::SCHEME_BEARER:
        credential.scheme = HeaderCredential::Scheme::kBearer;
        // BigPanda's Alerts API, which kinds with app keys speak, takes it there too.
        credential.takes_query = kind.has_app_keys;
        break;
      case HeaderCredentialConfig::SCHEME_BASIC:
        credential.scheme = HeaderCredential::Scheme::kBasic;
        break;
      default:
        return Mistake(absl::StrCat("header.scheme ", static_cast<int>(config.scheme()),
                                    " is none of SCHEME_BEARER, SCHEME_BASIC"));
    }
    if (config.values_file().empty()) return Mistake("header.values_file is required");
    credential.values_file = PathOf(config.values_file());
    absl::StatusOr<std::unique_ptr<Authenticator>> made =
        MakeHeaderAuthenticator(std::move(credential), clock_);
    if (!made.ok()) return Prefixed("header.values_file: ", made.status());
    return made;
  }

  absl::StatusOr<std::unique_ptr<Authenticator>> MakeJwt(const JwtCredentialConfig& config) const {
    if (config.jwks_file().empty()) return Mistake("jwt.jwks_file is required");
    if (config.issuer().empty()) return Mistake("jwt.issuer is required");
    if (config.audience().empty()) return Mistake("jwt.audience is required");
    absl::StatusOr<std::unique_ptr<Authenticator>> made = MakeJwtAuthenticator(
        PathOf(config.jwks_file()), {config.issuer(), config.audience(), config.subject()}, clock_);
    if (!made.ok()) return Prefixed("jwt.jwks_file: ", made.status());
    return made;
  }

  const std::filesystem::path folder_;
  const Clock& clock_;
  const absl::Span<const decode::SourceKind> kinds_;
  bool may_accept_everybody_ = false;
};

absl::StatusOr<GatewayConfigFile> ReadConfig(const std::string& path, const Clock& clock) {
  GatewayConfigFile config;
  RETURN_IF_ERROR(WatchedFile(path, "sources", kSourcesConfigBytesMax, clock)
                      .Load([&config](absl::string_view text) {
                        const auto parsed =
                            google::protobuf::util::JsonStringToMessage(std::string(text), &config);
                        if (parsed.ok()) return absl::OkStatus();
                        return Mistake(absl::StrCat("is not what it should be: ",
                                                    std::string(parsed.message())));
                      }));
  const auto count = static_cast<size_t>(config.sources_size());
  if (count == 0 || count > kSourcesMax) {
    return Mistake(absl::StrCat(path, ": sources: give 1 to ", kSourcesMax));
  }
  return config;
}

// What is wrong with the last of `sources` beside the others.
absl::Status CheckAmongOthers(const std::vector<Source>& sources) {
  const Source& last = sources.back();
  for (const Source& other : sources) {
    if (&other == &last) continue;
    if (other.name == last.name) return Mistake("name: another source has the same");
    if (other.path == last.path && !(other.kind == last.kind && last.kind->has_app_keys)) {
      return Mistake(absl::StrCat("name: its path ", last.path, " is that of the source \"",
                                  other.name, "\" too"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Source>> LoadFromFile(const Options& options, const Clock& clock,
                                                 absl::Span<const decode::SourceKind> kinds) {
  ASSIGN_OR_RETURN(const GatewayConfigFile config, ReadConfig(options.sources_config, clock));
  const SourceBuilder builder(options, clock, kinds);
  std::vector<Source> sources;
  std::vector<absl::Status> mistakes;
  for (int i = 0; i < config.sources_size(); ++i) {
    absl::StatusOr<Source> source = builder.Build(config.sources(i));
    absl::Status status = source.status();
    if (status.ok()) {
      sources.push_back(*std::move(source));
      status = CheckAmongOthers(sources);
    }
    if (status.ok()) continue;
    const std::string& name = config.sources(i).name();
    mistakes.push_back(Prefixed(
        absl::StrCat(options.sources_config, ": sources[", i, "] \"", Echo(name), "\": "), status));
  }
  if (mistakes.empty()) return sources;
  if (mistakes.size() == 1) return mistakes.front();
  return Mistake(absl::StrJoin(mistakes, "\n", [](std::string* out, const absl::Status& status) {
    absl::StrAppend(out, status.message());
  }));
}

absl::StatusOr<std::vector<Source>> LoadFromFlags(const Options& options, const Clock& clock,
                                                  absl::Span<const decode::SourceKind> kinds) {
  const bool accepts_everybody = options.bigpanda_secret_file.empty();
  std::vector<Source> sources;
  for (const decode::SourceKind& kind : kinds) {
    if (kind.name != kBigPanda && !accepts_everybody) continue;
    Source source;
    source.name = std::string(kind.name);
    source.kind = &kind;
    source.path = std::string(kind.path);
    source.refusals = std::make_unique<RefusalLog>("sender not admitted", clock);
    if (!accepts_everybody) {
      HeaderCredential credential;
      credential.header = options.bigpanda_auth_header;
      credential.values_file = options.bigpanda_secret_file;
      absl::StatusOr<std::unique_ptr<Authenticator>> made =
          MakeHeaderAuthenticator(std::move(credential), clock);
      if (!made.ok()) return Prefixed("--bigpanda_secret_file: ", made.status());
      source.authenticators.push_back(*std::move(made));
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

}  // namespace

absl::Status Source::Check(const RequestHead& head) const {
  if (authenticators.empty()) return absl::OkStatus();
  std::string why;
  for (const std::unique_ptr<Authenticator>& authenticator : authenticators) {
    absl::Status checked = authenticator->Check(head);
    if (checked.ok()) return checked;
    absl::StrAppend(&why, why.empty() ? "" : "; ", checked.message());
  }
  return absl::UnauthenticatedError(why);
}

void Source::LogRefusal(const absl::Status& why) const {
  if (refusals != nullptr) refusals->Add({"source", name}, why.message());
}

std::string Source::Places() const {
  std::vector<std::string> places;
  for (const std::unique_ptr<Authenticator>& authenticator : authenticators) {
    std::string place = authenticator->Place();
    if (!absl::c_linear_search(places, place)) places.push_back(std::move(place));
  }
  return absl::StrJoin(places, " or ");
}

std::string Source::Challenge() const {
  std::vector<std::string> challenges;
  for (const std::unique_ptr<Authenticator>& authenticator : authenticators) {
    std::string challenge = authenticator->Challenge();
    if (challenge.empty() || absl::c_linear_search(challenges, challenge)) continue;
    challenges.push_back(std::move(challenge));
  }
  return absl::StrJoin(challenges, ", ");
}

absl::StatusOr<std::vector<Source>> LoadSources(const Options& options, const Clock& clock,
                                                absl::Span<const decode::SourceKind> kinds) {
  return options.sources_config.empty() ? LoadFromFlags(options, clock, kinds)
                                        : LoadFromFile(options, clock, kinds);
}

}  // namespace incidenthub::gateway

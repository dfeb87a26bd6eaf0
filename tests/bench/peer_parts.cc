// The parts about servers of others. What is not there, or does not start, is skipped by name.

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"
#include "tests/bench/parts.h"
#include "tests/bench/peers.h"
#include "tests/support/http_client.h"
#include "tests/support/ports.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

namespace incidenthub::bench {
namespace {

constexpr char kSection[] = "Servers of others, on the same machine in the same run";

// A program of the tools' folder; the empty path: it is not there, and named as skipped.
std::string FindTool(const std::string& name, const std::string& figure, Bench* bench) {
  if (bench->skipped.contains(figure)) return "";
  const std::filesystem::path path = std::filesystem::absolute(bench->options.tools_folder) / name;
  std::error_code failed;
  if (std::filesystem::exists(path, failed)) return path.string();
  bench->skipped[figure] = absl::StrCat("not there; `.ci/tools.sh ", name, "` gets it");
  return "";
}

// Its last line, which is what it says it ended for.
std::string Reason(const absl::Status& status) {
  const std::string text(absl::StripAsciiWhitespace(status.message()));
  return text.substr(text.rfind('\n') + 1);
}

absl::StatusOr<std::unique_ptr<testing::Process>> StartHttp(std::vector<std::string> command,
                                                            int port, const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<testing::Process> process,
                   testing::Process::Start(std::move(command)));
  const bool ready = testing::WaitUntil(
      [&] {
        const absl::StatusOr<testing::HttpResponse> response = testing::HttpClient(port).Get(path);
        return !process->running() || (response.ok() && response->status == 200);
      },
      testing::kStartTimeout);
  if (ready && process->running()) return process;
  return absl::UnavailableError(absl::StrCat("does not start: ", process->ErrTail()));
}

// A fresh folder for its data.
std::string MakeFolder(const std::string& name, Bench* bench) {
  const std::string folder = absl::StrCat(bench->folder, "/", name);
  std::filesystem::create_directories(folder);
  return folder;
}

// One alert with as many bytes as the sample incident has.
RequestTemplate AlertRequests(const Bench& bench) {
  constexpr absl::string_view kNumber = "0000000000000000";
  constexpr absl::string_view kRevision = "1795300000";
  constexpr size_t kAnnotationBytes = 200;
  std::string body = absl::StrCat(R"([{"labels":{"alertname":"incident","incident":")", kNumber,
                                  R"("},"annotations":{"revision":")", kRevision, "\"");
  const size_t wanted = bench.requests.body_bytes();
  for (int i = 0; body.size() + kAnnotationBytes < wanted; ++i) {
    const std::string name = absl::StrCat(",\"text", i, "\":\"");
    absl::StrAppend(&body, name, std::string(kAnnotationBytes - name.size() - 1, 'x'), "\"");
  }
  absl::StrAppend(&body, "}}]");
  const std::string request =
      testing::HttpPostBytes("/api/v2/alerts", {{"Content-Type", "application/json"}}, body);
  return {bench.options.incidents, request, kNumber, kRevision, body.size()};
}

void AddPeer(const std::string& name, const std::string& what, double per_second,
             const Latencies& latencies, Bench* bench) {
  bench->figures.BeginSection(kSection);
  bench->figures.Add(name, what, "a second", per_second);
  bench->AddLatencies(name, what, latencies, {0.5, 0.99});
}

absl::Status MeasureAlertmanager(const std::string& program, Bench* bench) {
  const std::string folder = MakeFolder("alertmanager", bench);
  const std::string config = folder + "/config.yml";
  std::ofstream(config) << "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n";
  const int port = testing::PickPort();
  ASSIGN_OR_RETURN(const std::unique_ptr<testing::Process> process,
                   StartHttp({program, "--config.file=" + config, "--storage.path=" + folder,
                              absl::StrCat("--web.listen-address=127.0.0.1:", port),
                              "--cluster.listen-address=", "--log.level=error"},
                             port, "/-/ready"));
  ASSIGN_OR_RETURN(const LoadResult result,
                   PostWithoutPause(port, bench->most_connections(), AlertRequests(*bench), bench));
  AddPeer("alertmanager",
          absl::StrCat("Alertmanager, POST of an alert of as many bytes, in memory, ",
                       bench->most_connections(), " connections"),
          result.PerSecond(), result.latencies, bench);
  return absl::OkStatus();
}

PeerLoad LoadOf(int port, const Bench& bench) {
  return {.port = port,
          .in_flight = bench.most_connections(),
          .body_bytes = bench.requests.body_bytes(),
          .keys = bench.options.incidents,
          .warmup = bench.options.warmup,
          .duration = bench.options.duration};
}

absl::Status MeasureEtcd(const std::string& program, Bench* bench) {
  const int port = testing::PickPort();
  const std::string client = absl::StrCat("http://127.0.0.1:", port);
  const std::string peer = absl::StrCat("http://127.0.0.1:", testing::PickPort());
  ASSIGN_OR_RETURN(const std::unique_ptr<testing::Process> process,
                   StartHttp({program, "--name=one", "--data-dir=" + MakeFolder("etcd", bench),
                              "--listen-client-urls=" + client, "--advertise-client-urls=" + client,
                              "--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
                              "--initial-cluster=one=" + peer, "--log-level=error"},
                             port, "/health"));
  ASSIGN_OR_RETURN(const PeerResult result, PutToEtcd(LoadOf(port, *bench)));
  AddPeer("etcd",
          absl::StrCat("etcd, one node, put of as many bytes by gRPC, synced, ",
                       bench->most_connections(), " connections"),
          result.per_second, result.latencies, bench);
  return absl::OkStatus();
}

absl::Status MeasureNats(const std::string& program, const std::string& figure,
                         const std::string& setting, const std::string& what, Bench* bench) {
  const std::string folder = MakeFolder(figure, bench);
  const std::string config = folder + "/nats.conf";
  const int port = testing::PickPort();
  std::ofstream(config) << "listen: 127.0.0.1:" << port << "\njetstream { store_dir: \"" << folder
                        << "\"" << setting << " }\n";
  ASSIGN_OR_RETURN(const std::unique_ptr<testing::Process> process,
                   testing::Process::Start({program, "-c", config}));
  RETURN_IF_ERROR(
      process
          ->WaitForLine(
              [](absl::string_view line) { return absl::StrContains(line, "Server is ready"); },
              testing::kStartTimeout)
          .status());
  ASSIGN_OR_RETURN(const PeerResult result, PublishToNats(LoadOf(port, *bench)));
  AddPeer(figure, absl::StrCat(what, ", ", bench->most_connections(), " in flight"),
          result.per_second, result.latencies, bench);
  return absl::OkStatus();
}

// What others fail at ends no run.
void SkipUnlessOk(const absl::Status& status, const std::string& figure, Bench* bench) {
  if (!status.ok()) bench->skipped[figure] = Reason(status);
}

}  // namespace

absl::Status RunAlertmanager(Bench* bench) {
  const std::string program = FindTool("alertmanager", "alertmanager", bench);
  if (!program.empty()) SkipUnlessOk(MeasureAlertmanager(program, bench), "alertmanager", bench);
  return absl::OkStatus();
}

absl::Status RunEtcd(Bench* bench) {
  const std::string program = FindTool("etcd", "etcd", bench);
  if (!program.empty()) SkipUnlessOk(MeasureEtcd(program, bench), "etcd", bench);
  return absl::OkStatus();
}

absl::Status RunNats(Bench* bench) {
  struct Variant {
    const char* figure;
    const char* setting;
    const char* what;
  };
  constexpr Variant kVariants[] = {
      {"nats_always", ", sync_interval: always",
       "NATS JetStream, publish of as many bytes, synced before it is acknowledged"},
      {"nats_default", "", "NATS JetStream, publish of as many bytes, synced every two minutes"},
  };
  for (const Variant& variant : kVariants) {
    const std::string program = FindTool("nats", variant.figure, bench);
    if (program.empty()) continue;
    SkipUnlessOk(MeasureNats(program, variant.figure, variant.setting, variant.what, bench),
                 variant.figure, bench);
  }
  return absl::OkStatus();
}

}  // namespace incidenthub::bench

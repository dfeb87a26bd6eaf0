#include "server/upstream/http_client.h"

#include <array>
#include <fstream>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "curl/curl.h"

namespace incidenthub {
namespace {

// So that a host which does not answer is told from one that is slow.
constexpr absl::Duration kConnectTimeout = absl::Seconds(5);

struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

void InitOnce() {
  static const CURLcode kCode = curl_global_init(CURL_GLOBAL_DEFAULT);
  INCIDENTHUB_CHECK(kCode == CURLE_OK);
}

// One request under way. Stays where it is: libcurl has pointers into it.
struct Transfer {
  Easy easy;
  List headers;
  std::string body;
  HttpClient::Done done;
  HttpAnswer answer;
  bool too_large = false;
  std::array<char, CURL_ERROR_SIZE> error{};
};

size_t TakeBody(char* bytes, size_t size, size_t count, void* user) {
  auto* const transfer = static_cast<Transfer*>(user);
  const size_t total = size * count;
  transfer->too_large = transfer->answer.body.size() + total > kHttpAnswerBytesMax;
  if (transfer->too_large) return 0;
  transfer->answer.body.append(bytes, total);
  return total;
}

void AddHeader(const std::string& line, List* list) {
  curl_slist* const longer = curl_slist_append(list->get(), line.c_str());
  INCIDENTHUB_CHECK(longer != nullptr);
  static_cast<void>(list->release());
  list->reset(longer);
}

template <typename Value>
void Set(CURL* easy, CURLoption option, Value value) {
  INCIDENTHUB_CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

// What came of it.
HttpAnswer Finish(Transfer* transfer, CURLcode code) {
  HttpAnswer answer = std::move(transfer->answer);
  if (code != CURLE_OK) {
    answer.body.clear();
    answer.error = transfer->error[0] != '\0' ? transfer->error.data() : curl_easy_strerror(code);
    if (transfer->too_large) {
      answer.error = absl::StrCat("the answer has more than ", kHttpAnswerBytesMax, " bytes");
    }
    return answer;
  }
  long status = 0;  // libcurl's type
  curl_easy_getinfo(transfer->easy.get(), CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  curl_off_t seconds = 0;
  curl_easy_getinfo(transfer->easy.get(), CURLINFO_RETRY_AFTER, &seconds);
  answer.retry_after = absl::Seconds(seconds);
  return answer;
}

}  // namespace

struct HttpClient::Rep {
  explicit Rep(Options given) : options(std::move(given)), multi(curl_multi_init()) {
    INCIDENTHUB_CHECK(multi != nullptr);
  }
  ~Rep() {
    for (const auto& [easy, transfer] : transfers) curl_multi_remove_handle(multi, easy);
    transfers.clear();
    curl_multi_cleanup(multi);
  }
  Rep(const Rep&) = delete;
  Rep& operator=(const Rep&) = delete;

  const Options options;
  CURLM* const multi;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers;
};

absl::StatusOr<std::unique_ptr<HttpClient>> HttpClient::Create(const Options& options) {
  if (!options.ca_file.empty() && !std::ifstream(options.ca_file)) {
    return absl::InvalidArgumentError(absl::StrCat(options.ca_file, ": cannot be read"));
  }
  InitOnce();
  return std::unique_ptr<HttpClient>(new HttpClient(options));
}

HttpClient::HttpClient(const Options& options) : rep_(std::make_unique<Rep>(options)) {}
HttpClient::~HttpClient() = default;

void HttpClient::Start(const HttpRequest& request, Done done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->easy.reset(curl_easy_init());
  CURL* const easy = transfer->easy.get();
  INCIDENTHUB_CHECK(easy != nullptr);
  transfer->body = request.body;
  transfer->done = std::move(done);
  AddHeader(absl::StrCat("Authorization: Bearer ", request.bearer_token), &transfer->headers);
  AddHeader("Accept: application/json", &transfer->headers);
  Set(easy, CURLOPT_URL, request.url.c_str());
  Set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  Set(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  // Headers are for the host, not for a proxy in between.
  Set(easy, CURLOPT_HEADEROPT, CURLHEADER_SEPARATE);
  Set(easy, CURLOPT_USERAGENT, "incident-hub");
  Set(easy, CURLOPT_NOSIGNAL, 1L);
  // Else the end would wait for names that are being resolved.
  Set(easy, CURLOPT_QUICK_EXIT, 1L);
  // On a connection that was kept and has died libcurl asks again by itself, which no rate limit
  // would know of.
  Set(easy, CURLOPT_FORBID_REUSE, 1L);
  Set(easy, CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(absl::ToInt64Milliseconds(kConnectTimeout)));
  Set(easy, CURLOPT_TIMEOUT_MS,
      static_cast<long>(absl::ToInt64Milliseconds(rep_->options.timeout)));
  Set(easy, CURLOPT_ERRORBUFFER, transfer->error.data());
  Set(easy, CURLOPT_WRITEFUNCTION, &TakeBody);
  Set(easy, CURLOPT_WRITEDATA, transfer.get());
  if (!rep_->options.ca_file.empty()) {
    Set(easy, CURLOPT_CAINFO, rep_->options.ca_file.c_str());
    Set(easy, CURLOPT_CAPATH, static_cast<char*>(nullptr));
  }
  if (!transfer->body.empty()) {
    AddHeader("Content-Type: application/json", &transfer->headers);
    // libcurl would ask first, with Expect, whether a body over 1 MiB is welcome.
    AddHeader("Expect:", &transfer->headers);
    Set(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(transfer->body.size()));
    Set(easy, CURLOPT_POSTFIELDS, transfer->body.c_str());
  }
  Set(easy, CURLOPT_HTTPHEADER, transfer->headers.get());
  INCIDENTHUB_CHECK(curl_multi_add_handle(rep_->multi, easy) == CURLM_OK);
  rep_->transfers.emplace(easy, std::move(transfer));
}

void HttpClient::Poll(absl::Duration wait) {
  int running = 0;
  INCIDENTHUB_CHECK(curl_multi_perform(rep_->multi, &running) == CURLM_OK);
  int queued = 0;
  bool ended = false;
  while (const CURLMsg* const message = curl_multi_info_read(rep_->multi, &queued)) {
    if (message->msg != CURLMSG_DONE) continue;
    ended = true;
    const CURLcode code = message->data.result;
    CURL* const easy = message->easy_handle;
    curl_multi_remove_handle(rep_->multi, easy);
    auto node = rep_->transfers.extract(easy);
    const std::unique_ptr<Transfer> transfer = std::move(node.mapped());
    transfer->done(Finish(transfer.get(), code));
  }
  if (ended) return;
  const auto milliseconds = static_cast<int>(absl::ToInt64Milliseconds(
      absl::Ceil(std::max(wait, absl::ZeroDuration()), absl::Milliseconds(1))));
  INCIDENTHUB_CHECK(curl_multi_poll(rep_->multi, nullptr, 0, milliseconds, nullptr) == CURLM_OK);
}

void HttpClient::Wake() { curl_multi_wakeup(rep_->multi); }

}  // namespace incidenthub

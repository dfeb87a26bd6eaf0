#include "gateway/answer_renderer.h"

#include <utility>

#include "gateway/request_ids.h"
#include "httplib.h"

namespace incidenthub::gateway {
namespace {

// What the library gets to read of a request: enough to write its answer. By header fields it would
// cut or compress the answer, or refuse a Range; what we read of them comes from RequestHead.
constexpr absl::string_view kReplay = "GET / HTTP/1.1\r\n\r\n";
constexpr absl::string_view kReplayHead = "HEAD / HTTP/1.1\r\n\r\n";

// An answer on its way through the library.
struct Rendering {
  HttpAnswer answer;
  const AnswerForm& form;
};

// The library's callbacks have no room for a context; an answer is written on one thread.
thread_local Rendering* current = nullptr;

class RenderStream final : public httplib::Stream {
 public:
  RenderStream(absl::string_view replay, std::string* out) : replay_(replay), out_(*out) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override {
    const size_t taken = replay_.copy(to, size);
    replay_.remove_prefix(taken);
    return static_cast<ssize_t>(taken);
  }
  ssize_t write(const char* from, size_t size) override {
    out_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  // Nobody asks for addresses, and looking them up takes two system calls a request.
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    ip.clear();
    port = 0;
  }
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  absl::string_view replay_;
  std::string& out_;
};

void FillIn(httplib::Response* response) {
  HttpAnswer& answer = current->answer;
  response->status = answer.status;
  response->body = std::move(answer.body);
  response->set_header("Content-Type", "application/json");
  for (const auto& [name, value] : answer.headers) response->set_header(name, value);
  const absl::string_view id = current->form.request_id;
  response->set_header(kRequestIdHeader, id.empty() ? NewRequestId() : std::string(id));
}

void Finish(httplib::Response* response) {
  response->headers.erase("Keep-Alive");
  response->headers.erase("Connection");
  if (response->status == 204) {
    // It has no body, so nothing about one either (RFC 9110, 8.6).
    response->headers.erase("Content-Length");
    response->headers.erase("Content-Type");
  }
  if (current->form.close) {
    response->set_header("Connection", "close");
  } else if (current->form.is_http_1_0) {
    response->set_header("Connection", "keep-alive");
  }
}

}  // namespace

class AnswerRenderer::Library final : private httplib::Server {
 public:
  Library() {
    set_pre_routing_handler([](const httplib::Request&, httplib::Response& response) {
      FillIn(&response);
      return HandlerResponse::Handled;
    });
    set_post_routing_handler(
        [](const httplib::Request&, httplib::Response& response) { Finish(&response); });
  }

  void Render(absl::string_view replay, std::string* out) {
    RenderStream stream(replay, out);
    bool closed = false;
    process_request(stream, false, closed, nullptr);
  }
};

AnswerRenderer::AnswerRenderer() : library_(std::make_unique<Library>()) {}
AnswerRenderer::~AnswerRenderer() = default;

void AnswerRenderer::Render(HttpAnswer answer, const AnswerForm& form, std::string* out) const {
  Rendering rendering{std::move(answer), form};
  current = &rendering;
  library_->Render(form.is_head ? kReplayHead : kReplay, out);
  current = nullptr;
}

}  // namespace incidenthub::gateway

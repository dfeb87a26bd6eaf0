// Writes answers as HTTP, with the library.
//
// Threads: any.

#ifndef INCIDENTHUB_GATEWAY_ANSWER_RENDERER_H_
#define INCIDENTHUB_GATEWAY_ANSWER_RENDERER_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "gateway/http_status.h"

namespace incidenthub::gateway {

// What an answer looks like because of its request.
struct AnswerForm {
  // To a HEAD: without its body.
  bool is_head = false;
  bool is_http_1_0 = false;
  // The connection ends with it.
  bool close = false;
  // Empty: it gets a new one.
  absl::string_view request_id;
};

class AnswerRenderer {
 public:
  AnswerRenderer();
  ~AnswerRenderer();
  AnswerRenderer(const AnswerRenderer&) = delete;
  AnswerRenderer& operator=(const AnswerRenderer&) = delete;

  // Appends to `*out`.
  void Render(HttpAnswer answer, const AnswerForm& form, std::string* out) const;

 private:
  class Library;
  const std::unique_ptr<Library> library_;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_ANSWER_RENDERER_H_

// simdjson's parser, reused on each thread: its buffers are kept for the next text unless this one was large.
// Whoever reads JSON holds a borrowed_parser as long as it looks at elements of the document: they are views
// into it.
#pragma once

#include <simdjson.h>

#include <memory>

namespace mw {

/// This thread's parser, or one of its own while that is in use.
class borrowed_parser {
 public:
  borrowed_parser();
  ~borrowed_parser();
  borrowed_parser(const borrowed_parser&) = delete;
  borrowed_parser& operator=(const borrowed_parser&) = delete;
  simdjson::dom::parser* operator->() const { return parser_.get(); }

 private:
  std::unique_ptr<simdjson::dom::parser> parser_;
};

}  // namespace mw

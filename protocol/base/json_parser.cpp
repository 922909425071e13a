#include "protocol/base/json_parser.hpp"

#include <utility>

namespace mw {
namespace {

constexpr size_t keep_at_most = 2u << 20;  // bytes of text whose parser buffers stay allocated

thread_local std::unique_ptr<simdjson::dom::parser> kept_parser;

}  // namespace

borrowed_parser::borrowed_parser()
    : parser_(kept_parser ? std::move(kept_parser) : std::make_unique<simdjson::dom::parser>()) {}

borrowed_parser::~borrowed_parser() {
  if (parser_->capacity() <= keep_at_most) kept_parser = std::move(parser_);
}

}  // namespace mw

#include "cmd/memory-devstack/bus/frames.hpp"

#include <doctest/doctest.h>

#include "protocol/amqp/codec.hpp"

using namespace mw::devstack;
using mw::amqp::encoder;

namespace {

/// A frame whose performative `fields` writes.
template <class Fields>
std::string frame(uint8_t code, Fields fields, std::string_view payload = {}) {
  std::string body{'\0', '\x53', static_cast<char>(code)};
  encoder e{body};
  e.begin_list();
  fields(e);
  e.end();
  body.append(payload);
  std::string out;
  const size_t size = body.size() + 8;
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift));
  out += {'\x02', '\0', '\0', '\x01'};
  return out + body;
}

std::string attach(std::string_view name, uint32_t handle, bool receiver) {
  return frame(0x12, [&](encoder& e) { e.string(name).uint32(handle).boolean(receiver); });
}

std::string transfer(uint32_t handle, uint32_t format, bool more) {
  return frame(
      0x14, [&](encoder& e) { e.uint32(handle).uint32(0).binary("t").uint32(format).null().boolean(more); },
      "payload");
}

size_t field_count(std::string_view one_frame) {
  std::string_view body = one_frame.substr(8);
  const auto list = mw::amqp::read_value(body);
  REQUIRE(list);
  return list->count;
}

}  // namespace

TEST_CASE("scanner: formats are found whatever pieces the stream comes in") {
  std::string stream{"AMQP\0\1\0\0", 8};
  stream += attach("sender", 3, false) + transfer(3, 0, false) + transfer(3, batch_message_format, false);
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    frame_scanner scanner;
    for (size_t at = 0; at < stream.size(); at += piece)
      scanner.feed(std::string_view{stream}.substr(at, piece));
    CHECK(scanner.take_format("sender") == 0);
    CHECK(scanner.take_format("sender") == batch_message_format);
    CHECK(scanner.take_format("sender") == 0);
  }
}

TEST_CASE("scanner: a delivery of several frames has one format, that of its first") {
  frame_scanner scanner;
  scanner.feed(attach("sender", 0, false));
  scanner.feed(transfer(0, batch_message_format, true) + transfer(0, batch_message_format, true) +
               transfer(0, batch_message_format, false) + transfer(0, 5, false));
  CHECK(scanner.take_format("sender") == batch_message_format);
  CHECK(scanner.take_format("sender") == 5);
}

TEST_CASE("scanner: a new link of the same name starts afresh; a receiver of that name does not disturb") {
  frame_scanner scanner;
  scanner.feed(attach("x", 0, false) + transfer(0, 1, true));
  scanner.feed(attach("x", 0, false) + transfer(0, 2, false) + attach("x", 1, true));
  CHECK(scanner.take_format("x") == 2);
}

TEST_CASE("padder: performatives get all their fields, the payload stays, the size is right") {
  const std::string begin = frame(0x11, [](encoder& e) { e.null().uint32(0).uint32(100).uint32(100); });
  const std::string sent = transfer(1, 0, false);
  frame_padder padder;
  std::string out;
  for (const char c : begin + sent) padder.feed({&c, 1}, 65'536, out);
  const std::string first = out.substr(0, static_cast<uint8_t>(out[3]));
  const std::string second = out.substr(first.size());
  CHECK(field_count(first) == 8);
  std::string_view begin_body = std::string_view{first}.substr(8);
  const auto fields = mw::amqp::items_of(*mw::amqp::read_value(begin_body));
  CHECK((*fields)[3].integer() == 100);
  CHECK((*fields)[4].integer() == 0xffffffff);  // handle-max: its default
  CHECK((*fields)[5].is_null());
  CHECK(field_count(second) == 11);
  CHECK(static_cast<uint8_t>(second[3]) == second.size());
  CHECK(second.ends_with("payload"));
  CHECK(first.substr(4, 4) == begin.substr(4, 4));
}

TEST_CASE("padder: protocol headers, SASL, empty and full-size frames pass unchanged") {
  const std::string header{"AMQP\3\1\0\0", 8};
  std::string sasl = frame(0x44, [](encoder& e) { e.ubyte(0); });
  sasl[5] = 1;
  const std::string empty{"\0\0\0\x08\x02\0\0\0", 8};
  const std::string tight = transfer(1, 0, false);
  frame_padder padder;
  std::string out;
  // Two bytes less: the padder's shorter list header saves one.
  padder.feed(header + sasl + empty + tight, static_cast<uint32_t>(tight.size()) - 2, out);
  CHECK(out == header + sasl + empty + tight);
}

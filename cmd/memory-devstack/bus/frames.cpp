#include "cmd/memory-devstack/bus/frames.hpp"

#include <array>
#include <optional>
#include <vector>

#include "protocol/amqp/codec.hpp"

namespace mw::devstack {
namespace {

constexpr size_t header_size = 8;
constexpr uint64_t attach_code = 0x12;
constexpr uint64_t transfer_code = 0x14;

uint32_t be32(std::string_view p) {
  uint32_t v = 0;
  for (size_t i = 0; i < 4; ++i) v = v << 8 | static_cast<uint8_t>(p[i]);
  return v;
}

void put_be32(std::string& out, uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(v >> shift));
}

/// Calls `visit` for each whole frame or protocol header; returns the bytes used.
template <class Visit>
size_t each_frame(std::string_view bytes, Visit visit) {
  size_t at = 0;
  while (bytes.size() - at >= header_size) {
    const std::string_view rest = bytes.substr(at);
    const size_t size = rest.starts_with("AMQP") ? header_size : be32(rest);
    if (size < header_size) return bytes.size();  // no AMQP any more: Proton will say so
    if (rest.size() < size) break;
    visit(rest.substr(0, size));
    at += size;
  }
  return at;
}

/// Feeds `bytes`, joined with what was left over, to `visit`.
template <class Visit>
void cut_frames(std::string& partial, std::string_view bytes, Visit visit) {
  if (partial.empty()) {
    const size_t used = each_frame(bytes, visit);
    partial.assign(bytes.substr(used));
    return;
  }
  partial.append(bytes);
  const size_t used = each_frame(partial, visit);
  partial.erase(0, used);
}

struct performative {
  uint64_t code = 0;
  uint16_t channel = 0;
  std::vector<amqp::value> fields;
  std::string_view head;     ///< frame header and extended header
  std::string_view payload;  ///< what follows the performative
};

/// nullopt for protocol headers, SASL and empty frames.
std::optional<performative> read_performative(std::string_view frame) {
  if (frame.starts_with("AMQP") || frame[5] != 0) return std::nullopt;
  const size_t offset = static_cast<size_t>(static_cast<uint8_t>(frame[4])) * 4;
  if (offset < header_size || offset >= frame.size()) return std::nullopt;
  performative p;
  p.head = frame.substr(0, offset);
  p.channel = static_cast<uint16_t>(static_cast<uint8_t>(frame[6]) << 8 | static_cast<uint8_t>(frame[7]));
  std::string_view body = frame.substr(offset);
  const auto list = amqp::read_value(body);
  if (!list || list->descriptor == 0 || !list->is_list()) return std::nullopt;
  auto fields = amqp::items_of(*list);
  if (!fields) return std::nullopt;
  p.code = list->descriptor;
  p.fields = std::move(*fields);
  p.payload = body;
  return p;
}

/// Fields of open, begin, attach, flow, transfer, disposition, detach, end, close.
size_t all_fields(uint64_t code) {
  static constexpr std::array<size_t, 9> counts{10, 8, 14, 11, 11, 6, 3, 1, 1};
  return code >= 0x10 && code < 0x10 + counts.size() ? counts[code - 0x10] : 0;
}

/// The encoded default of a field that was left out: null where the specification names none. The SDKs that
/// need all fields do not know the defaults either.
std::string_view default_of(uint64_t code, size_t field) {
  static constexpr std::string_view no = "\x42";
  static constexpr std::string_view null = "\x40";
  switch (code << 8 | field) {
    case 0x1003:  // open: channel-max
      return "\x60\xff\xff";
    case 0x1104:  // begin: handle-max
      return "\x70\xff\xff\xff\xff";
    case 0x1208:  // attach: incomplete-unsettled
    case 0x1309:  // flow: drain, echo
    case 0x130a:
    case 0x1405:  // transfer: more, resume, aborted, batchable
    case 0x1408:
    case 0x1409:
    case 0x140a:
    case 0x1503:  // disposition: settled, batchable
    case 0x1505:
    case 0x1601:  // detach: closed
      return no;
    default:
      return null;
  }
}

std::string padded(const performative& p, size_t want) {
  std::string fields;
  for (size_t i = 0; i < want; ++i) {
    const bool given = i < p.fields.size() && !p.fields[i].is_null();
    fields.append(given ? p.fields[i].encoded : default_of(p.code, i));
  }
  std::string frame;
  const bool small = fields.size() + 1 < 256;
  const size_t size = p.head.size() + 3 + (small ? 3 : 9) + fields.size() + p.payload.size();
  frame.reserve(size);
  put_be32(frame, static_cast<uint32_t>(size));
  frame.append(p.head.substr(4));
  frame.push_back(0);
  frame.push_back(0x53);
  frame.push_back(static_cast<char>(p.code));
  if (small) {
    frame.push_back(static_cast<char>(0xc0));
    frame.push_back(static_cast<char>(fields.size() + 1));
    frame.push_back(static_cast<char>(want));
  } else {
    frame.push_back(static_cast<char>(0xd0));
    put_be32(frame, static_cast<uint32_t>(fields.size() + 4));
    put_be32(frame, static_cast<uint32_t>(want));
  }
  return frame.append(fields).append(p.payload);
}

}  // namespace

void frame_scanner::feed(std::string_view bytes) {
  cut_frames(partial_, bytes, [this](std::string_view f) { frame(f); });
}

void frame_scanner::frame(std::string_view bytes) {
  const auto p = read_performative(bytes);
  if (!p || (p->code != attach_code && p->code != transfer_code) || p->fields.empty()) return;
  const bool attach = p->code == attach_code;
  const auto& handle_field = attach && p->fields.size() > 2 ? p->fields[1] : p->fields[0];
  const handle key{p->channel, static_cast<uint32_t>(handle_field.integer().value_or(0))};
  if (attach) {
    const bool receiving = p->fields.size() > 2 && p->fields[2].boolean().value_or(false);
    if (receiving) return;
    const std::string name{p->fields[0].text().value_or("")};
    formats_.erase(name);
    links_[key] = {name, false};
    return;
  }
  sending_link& link = links_[key];
  // Some clients repeat the fields of the first transfer on its continuations.
  const bool first = !link.continues;
  link.continues = p->fields.size() > 5 && p->fields[5].boolean().value_or(false);
  const bool aborted = p->fields.size() > 9 && p->fields[9].boolean().value_or(false);
  if (aborted) link.continues = false;
  if (!first) return;
  const int64_t format = p->fields.size() > 3 ? p->fields[3].integer().value_or(0) : 0;
  formats_[link.name].push_back(static_cast<uint32_t>(format));
}

uint32_t frame_scanner::take_format(std::string_view link_name) {
  const auto it = formats_.find(std::string{link_name});
  if (it == formats_.end() || it->second.empty()) return 0;
  const uint32_t format = it->second.front();
  it->second.pop_front();
  return format;
}

void frame_padder::feed(std::string_view bytes, uint32_t peer_max_frame, std::string& out) {
  cut_frames(partial_, bytes, [&](std::string_view frame) {
    const auto p = read_performative(frame);
    const size_t want = p ? all_fields(p->code) : 0;
    if (!p || p->fields.size() >= want) {
      out.append(frame);
      return;
    }
    const std::string wide = padded(*p, want);
    const bool fits = peer_max_frame == 0 || wide.size() <= peer_max_frame;
    out.append(fits ? std::string_view{wide} : frame);
  });
}

}  // namespace mw::devstack

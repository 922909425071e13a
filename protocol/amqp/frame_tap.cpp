#include "protocol/amqp/frame_tap.hpp"

#include <utility>

#include "protocol/base/utf8.hpp"

namespace mw::amqp {
namespace {

constexpr size_t header_size = 8;
constexpr char sasl_type = 1;
constexpr uint8_t attach = 0x12;
constexpr uint8_t transfer = 0x14;
constexpr uint8_t disposition = 0x15;
constexpr uint8_t detach = 0x16;
constexpr size_t transfer_settled = 4;
constexpr size_t max_text_units = 4096;  ///< the service's limit for reason and description

uint32_t be32(std::string_view b) {
  uint32_t v = 0;
  for (size_t i = 0; i < 4; ++i) v = v << 8 | static_cast<uint8_t>(b[i]);
  return v;
}

void put_be32(std::string& out, size_t at, size_t v) {
  for (size_t i = 0; i < 4; ++i) out[at + i] = static_cast<char>(v >> (24 - 8 * i));
}

std::optional<int64_t> number_at(const frame& f, size_t i) {
  return i < f.fields.size() ? f.fields[i].integer() : std::nullopt;
}

bool flag_at(const frame& f, size_t i) {
  return i < f.fields.size() && f.fields[i].boolean().value_or(false);
}

size_t begin_frame(std::string& out, uint16_t channel, uint8_t performative) {
  const size_t at = out.size();
  out.append(4, '\0');
  out.push_back(2);
  out.push_back(0);
  out.push_back(static_cast<char>(channel >> 8));
  out.push_back(static_cast<char>(channel));
  out.push_back(0);
  out.push_back(0x53);
  out.push_back(static_cast<char>(performative));
  return at;
}

std::string described(uint8_t code) {
  return {'\0', 0x53, static_cast<char>(code)};
}

std::string rejected_state(const outcome& o, size_t max_text) {
  std::string error = described(0x1d);
  encoder e{error};
  e.begin_list().symbol("com.microsoft:dead-letter").null().begin_map();
  e.symbol("DeadLetterReason").string(utf8_prefix(o.reason, max_text));
  e.symbol("DeadLetterErrorDescription").string(utf8_prefix(o.description, max_text));
  e.end().end();
  std::string state = described(descriptor_of(outcome_kind::dead_letter));
  encoder{state}.begin_list().raw(error).end();
  return state;
}

std::string encode_state(const outcome& o, size_t max_text) {
  if (o.kind == outcome_kind::dead_letter) return rejected_state(o, max_text);
  std::string state = described(descriptor_of(o.kind));
  if (o.kind == outcome_kind::abandon)
    encoder{state}.begin_list().boolean(true).boolean(false).end();
  else
    state.push_back(0x45);  // the empty list
  return state;
}

}  // namespace

uint8_t descriptor_of(outcome_kind k) {
  switch (k) {
    case outcome_kind::complete:
      return 0x24;
    case outcome_kind::dead_letter:
      return 0x25;
    case outcome_kind::release:
      return 0x26;
    case outcome_kind::abandon:
      return 0x27;
  }
  return 0;
}

bool confirms(uint8_t echoed, outcome_kind asked) {
  return echoed == 0 || echoed == descriptor_of(outcome_kind::complete) || echoed == descriptor_of(asked);
}

std::optional<frame> read_frame(std::string_view bytes) {
  if (bytes.size() < header_size) return std::nullopt;
  const size_t body = static_cast<size_t>(static_cast<uint8_t>(bytes[4])) * 4;
  if (bytes[5] != 0 || body < header_size || body >= bytes.size()) return std::nullopt;
  frame f;
  f.channel = static_cast<uint16_t>(static_cast<uint8_t>(bytes[6]) << 8 | static_cast<uint8_t>(bytes[7]));
  f.payload = bytes.substr(body);
  const auto performative = read_value(f.payload);
  if (!performative || !performative->is_list()) return std::nullopt;
  auto fields = items_of(*performative);
  if (!fields) return std::nullopt;
  f.performative = static_cast<uint8_t>(performative->descriptor);
  f.fields = std::move(*fields);
  return f;
}

bool frame_tap::feed(std::string_view bytes, std::string& to_proton) {
  std::string joined;
  if (!partial_.empty()) {
    joined = std::move(partial_);
    partial_.clear();
    joined.append(bytes);
    bytes = joined;
  }
  while (bytes.size() >= header_size) {
    const bool protocol_header = bytes.starts_with("AMQP");
    const size_t size = protocol_header ? header_size : be32(bytes);
    if (size < header_size || size > max_frame_) return false;
    if (bytes.size() < size) break;
    if (!protocol_header && bytes[5] == sasl_type && ++sasl_frames_ > most_sasl_frames) return false;
    on_frame(bytes.substr(0, size), to_proton);
    bytes.remove_prefix(size);
  }
  partial_.assign(bytes);
  return true;
}

void frame_tap::on_frame(std::string_view bytes, std::string& to_proton) {
  // Only frames the tap understands are looked at; everything else, malformed ones too, is Proton's to judge.
  const auto f = read_frame(bytes);
  if (f && f->performative == attach && !f->fields.empty() && f->fields[0].text() == link_) {
    attached_ = true;
    more_ = false;  // what an earlier link of the name left unfinished will not come
    delivery_ids_.clear();
    channel_ = f->channel;
    handle_ = static_cast<uint32_t>(number_at(*f, 1).value_or(0));
  } else if (f && attached_ && f->channel == channel_) {
    const bool ours = number_at(*f, 0) == handle_;
    if (f->performative == transfer && ours) return on_transfer(*f, bytes, to_proton);
    if (f->performative == detach && ours) attached_ = false;
    if (f->performative == disposition) on_disposition(*f);
  }
  to_proton.append(bytes);
}

void frame_tap::on_transfer(const frame& f, std::string_view bytes, std::string& to_proton) {
  if (!more_) delivery_ids_.push_back(static_cast<uint32_t>(number_at(f, 1).value_or(0)));
  const bool aborted = flag_at(f, 9);
  more_ = flag_at(f, 5) && !aborted;
  if (f.fields.size() > transfer_settled && f.fields[transfer_settled].encoded.size() == 1) {
    // null, true or false in one byte: the frame keeps its size
    const size_t flag = static_cast<size_t>(f.fields[transfer_settled].encoded.data() - bytes.data());
    const size_t at = to_proton.size();
    to_proton.append(bytes);
    to_proton[at + flag] = 0x41;
    return;
  }
  const size_t at = begin_frame(to_proton, f.channel, transfer);
  encoder e{to_proton};
  e.begin_list();
  for (size_t i = 0; i < std::max(f.fields.size(), transfer_settled + 1); ++i) {
    if (i == transfer_settled)
      e.boolean(true);
    else if (i < f.fields.size())
      e.raw(f.fields[i].encoded);
    else
      e.null();
  }
  e.end();
  to_proton.append(f.payload);
  put_be32(to_proton, at, to_proton.size() - at);
}

void frame_tap::on_disposition(const frame& f) {
  const auto first = number_at(f, 1);
  if (flag_at(f, 0) || !first) return;  // role receiver: about what we sent
  remote_disposition d;
  d.first = static_cast<uint32_t>(*first);
  d.last = static_cast<uint32_t>(number_at(f, 2).value_or(*first));
  d.settled = flag_at(f, 3);
  if (f.fields.size() > 4) d.outcome = static_cast<uint8_t>(f.fields[4].descriptor);
  if (d.outcome == descriptor_of(outcome_kind::dead_letter)) {
    const auto state = items_of(f.fields[4]);
    const auto error = state && !state->empty() ? items_of((*state)[0]) : std::nullopt;
    if (error && !error->empty()) {
      d.refused = true;
      d.error.name = (*error)[0].text().value_or("");
      if (error->size() > 1) d.error.description = (*error)[1].text().value_or("");
    }
  }
  dispositions_.push_back(std::move(d));
}

std::optional<uint32_t> frame_tap::next_delivery_id() {
  if (delivery_ids_.empty()) return std::nullopt;
  const uint32_t id = delivery_ids_.front();
  delivery_ids_.pop_front();
  return id;
}

std::vector<remote_disposition> frame_tap::take_dispositions() {
  return std::exchange(dispositions_, {});
}

void append_disposition(std::string& out, uint16_t channel, uint32_t first, uint32_t last, const outcome& o,
                        size_t max_text) {
  const size_t at = begin_frame(out, channel, disposition);
  encoder e{out};
  e.begin_list().boolean(true).uint32(first).uint32(last).boolean(false);
  e.raw(encode_state(o, std::min(max_text, max_text_units))).end();
  put_be32(out, at, out.size() - at);
}

std::optional<uint16_t> channel_of_attach(std::string_view output, std::string_view link) {
  while (output.size() >= header_size) {
    const size_t size = output.starts_with("AMQP") ? header_size : be32(output);
    if (size < header_size || output.size() < size) return std::nullopt;
    const auto f = read_frame(output.substr(0, size));
    if (f && f->performative == attach && !f->fields.empty() && f->fields[0].text() == link)
      return f->channel;
    output.remove_prefix(size);
  }
  return std::nullopt;
}

}  // namespace mw::amqp

#include "protocol/amqp/connection.hpp"

#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/event.h>
#include <proton/logger.h>
#include <proton/sasl.h>
#include <proton/transport.h>

#include <algorithm>
#include <cstring>

namespace mw::amqp {
namespace {

constexpr uint32_t max_frame = 262'144;
constexpr std::chrono::milliseconds close_patience{1000};

int64_t milliseconds_of(io::clock::time_point t) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

}  // namespace

error_words words_of(pn_condition_t* condition) {
  error_words e;
  if (!condition || !pn_condition_is_set(condition)) return e;
  if (const char* name = pn_condition_get_name(condition)) e.name = name;
  if (const char* text = pn_condition_get_description(condition)) e.description = text;
  return e;
}

connection::connection(io::loop& loop, options o, handler h)
    : loop_(loop),
      options_(std::move(o)),
      handler_(std::move(h)),
      stream_(loop, options_.stream,
              {[this] { set_up_engine(); }, [this](std::string_view bytes) { received(bytes); },
               [this](failure f) {
                 end(std::move(f));
                 pump();
               }}),
      tap_(options_.tapped_link, max_frame) {
  pn_connection_driver_init(&driver_, nullptr, nullptr);
}

connection::~connection() {
  pn_connection_driver_destroy(&driver_);
}

void connection::start() {
  // Not from within the caller: unreadable certificates end the stream at once.
  tick_timer_ = loop_.after({}, [this] { stream_.start(); });
}

void connection::set_up_engine() {
  pn_transport_t* transport = driver_.transport;
  pn_logger_reset_mask(pn_transport_logger(transport), PN_SUBSYSTEM_NONE, PN_LEVEL_ERROR);
  pn_connection_set_container(driver_.connection, options_.container_id.c_str());
  pn_connection_set_hostname(driver_.connection, options_.stream.host.c_str());
  pn_sasl_allowed_mechs(pn_sasl(transport), "ANONYMOUS");
  pn_transport_set_max_frame(transport, max_frame);
  pn_transport_set_idle_timeout(transport, static_cast<pn_millis_t>(options_.idle_timeout.count()));
  pn_connection_driver_bind(&driver_);
  bound_ = true;
  pn_connection_open(driver_.connection);
  handler_.connected();
  pump();
  tick();
}

void connection::received(std::string_view bytes) {
  traffic_.bytes_in += bytes.size();
  to_engine_.clear();
  if (tap_.feed(bytes, to_engine_)) {
    feed_engine();
  } else {
    end(fail(
        dependency::bus, errc::connection_lost,
        options_.stream.host + " does not speak AMQP 1.0 on port " + std::to_string(options_.stream.port)));
  }
  pump();
}

void connection::feed_engine() {
  pumping_ = true;
  for (std::string_view rest = to_engine_; !rest.empty();) {
    const pn_rwbytes_t room = pn_connection_driver_read_buffer(&driver_);
    if (room.size == 0) break;  // the engine has ended; the reason is among its events
    const size_t n = std::min(rest.size(), room.size);
    std::memcpy(room.start, rest.data(), n);
    pn_connection_driver_read_done(&driver_, n);
    rest.remove_prefix(n);
    dispatch();
  }
  for (const auto& d : tap_.take_dispositions())
    if (!closed_) handler_.disposition(d);
  pumping_ = false;
}

bool connection::own_event(pn_event_t* e) {
  switch (pn_event_type(e)) {
    case PN_CONNECTION_REMOTE_OPEN:
      // Our open has told the limit; from here on it must let pass what the tap adds to a full frame.
      pn_transport_set_max_frame(driver_.transport, max_frame + frame_tap::growth);
      // The peer's idle time-out is known now.
      loop_.cancel(tick_timer_);
      tick_timer_ = loop_.after({}, [this] { tick(); });
      return false;
    case PN_CONNECTION_REMOTE_CLOSE:
      pn_connection_close(driver_.connection);
      end(map_condition("connection closed by the broker",
                        words_of(pn_connection_remote_condition(driver_.connection)), errc::connection_lost));
      return true;
    case PN_TRANSPORT_ERROR: {
      const error_words e_words = words_of(pn_transport_condition(driver_.transport));
      const bool refused = e_words.name == "amqp:unauthorized-access";
      failure f = map_condition("AMQP", e_words, errc::connection_lost);
      f.code = refused ? errc::unauthorized : errc::connection_lost;
      end(std::move(f));
      return true;
    }
    default:
      return false;
  }
}

void connection::dispatch() {
  while (pn_event_t* e = pn_connection_driver_next_event(&driver_))
    if (!own_event(e) && !closed_ && !ending_) handler_.event(e);
}

void connection::dispose(uint32_t first, uint32_t last, const outcome& o) {
  if (!channel_ || close_sent_) return;
  const uint32_t peer_max = pn_transport_get_remote_max_frame(driver_.transport);
  const size_t max_text = peer_max == 0 ? 4096 : (std::max<uint32_t>(peer_max, 512) - 256) / 2;
  append_disposition(raw_, *channel_, first, last, o, max_text);
}

void connection::write_out() {
  for (;;) {
    const pn_bytes_t b = pn_connection_driver_write_buffer(&driver_);
    if (b.size == 0) break;
    const std::string_view bytes{b.start, b.size};
    if (!channel_) {
      attach_scan_.append(bytes);
      channel_ = channel_of_attach(attach_scan_, options_.tapped_link);
      if (channel_) attach_scan_ = {};
    }
    traffic_.bytes_out += bytes.size();
    stream_.write(bytes);
    pn_connection_driver_write_done(&driver_, b.size);
    dispatch();
  }
  // Proton's output is drained, so the stream stands between two frames.
  if (raw_.empty() || close_sent_) return;
  traffic_.bytes_out += raw_.size();
  stream_.write(raw_);
  raw_.clear();
}

void connection::pump() {
  again_ = true;
  if (pumping_ || over_) return;
  pumping_ = true;
  // Not before the engine is set up: it would write its greeting to a socket that is not there.
  while (std::exchange(again_, false) && bound_) {
    dispatch();
    write_out();
  }
  pumping_ = false;
  if (ending_) return finish();
  if (!closed_) handler_.pumped();
}

void connection::end(failure f) {
  if (!ending_) ending_ = std::move(f);
}

void connection::finish() {
  over_ = true;
  stream_.close();
  loop_.cancel(tick_timer_);
  loop_.cancel(close_timer_);
  const failure reason = *ending_;
  if (const auto done = std::exchange(closed_, nullptr))
    done();
  else
    handler_.ended(reason);
}

void connection::close(std::function<void()> done) {
  if (over_) return done();
  closed_ = std::move(done);
  if (!bound_) {
    end(fail(dependency::bus, errc::cancelled, "closed"));
    return pump();
  }
  write_out();
  close_sent_ = true;
  pn_connection_close(driver_.connection);
  close_timer_ = loop_.after(close_patience, [this] {
    end(fail(dependency::bus, errc::cancelled, "closed"));
    pump();
  });
  pump();
}

void connection::tick() {
  if (over_) return;
  const int64_t now = milliseconds_of(io::clock::now());
  const int64_t next = pn_transport_tick(driver_.transport, now);
  loop_.cancel(tick_timer_);
  tick_timer_ = 0;
  pump();
  if (over_ || next == 0) return;
  tick_timer_ = loop_.after(std::chrono::milliseconds{std::max<int64_t>(next - now, 1)}, [this] { tick(); });
}

}  // namespace mw::amqp

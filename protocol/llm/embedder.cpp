#include "protocol/llm/embedder.hpp"

#include <optional>
#include <unordered_map>

#include "protocol/base/json_writer.hpp"
#include "protocol/llm/endpoint.hpp"
#include "protocol/llm/response.hpp"
#include "protocol/llm/sender.hpp"

namespace mw::llm {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr uint32_t max_embedding_attempts = 3;
constexpr milliseconds first_pause{250};
/// So many failures of the connection in a row, and nothing is asked for so long.
constexpr uint32_t patience = 3;
constexpr milliseconds rest_after_failures{10'000};

bool passes_by_itself(errc code) {
  return code == errc::throttled || code == errc::overloaded;
}

bool not_there(errc code) {
  return code == errc::unreachable || code == errc::timed_out || code == errc::connection_lost;
}

}  // namespace

class embedder::impl : public std::enable_shared_from_this<embedder::impl> {
 public:
  impl(io::loop& loop, http::client& http, embedder_options options, endpoint where)
      : loop_(loop),
        options_(std::move(options)),
        where_(std::move(where)),
        sender_(std::make_shared<sender>(http, options_.identity, options_.scope)) {
    how_ = options_.identity ? sign_in::token : options_.api_key.empty() ? sign_in::none : sign_in::key;
  }
  void embed(std::string text, done_fn done);
  void close();

 private:
  struct call {
    uint64_t id = 0;
    std::string text;
    bool as_base64 = true;  ///< asked for
    steady_clock::time_point since;
    uint32_t attempts = 0;
    bool token_renewed = false;
    embedding out;
    done_fn done;
  };
  struct pausing {
    io::timer_id timer;
    std::shared_ptr<call> what;
  };
  bool resting() const;
  milliseconds time_left(const call& c) const;
  void ask(const std::shared_ptr<call>& c);
  void take(const std::shared_ptr<call>& c, result<http::response> got, bool token_refused);
  std::string body_of(const call& c) const;
  bool knows_base64() const;
  void note_base64(const call& c, bool good);
  bool ask_later(const std::shared_ptr<call>& c, const failure& why);
  void note(const embedding& e);
  void finish(const std::shared_ptr<call>& c);

  io::loop& loop_;
  const embedder_options options_;
  const endpoint where_;
  const std::shared_ptr<sender> sender_;
  sign_in how_ = sign_in::key;
  std::unordered_map<uint64_t, pausing> pausing_;  // the loop's thread only
  bool closed_ = false;                            // the loop's thread only

  mutable std::mutex mutex_;     // guards the three below
  bool refuses_base64_ = false;  // this server
  uint32_t failures_ = 0;        // in a row
  steady_clock::time_point rest_until_{};
};

bool embedder::impl::resting() const {
  const std::lock_guard lock{mutex_};
  return steady_clock::now() < rest_until_;
}

milliseconds embedder::impl::time_left(const call& c) const {
  return options_.limit - duration_cast<milliseconds>(steady_clock::now() - c.since);
}

void embedder::impl::embed(std::string text, done_fn done) {
  auto c = std::make_shared<call>();
  c->since = steady_clock::now();
  c->done = std::move(done);
  if (resting()) {
    c->out.vector = fail(dependency::llm, errc::unreachable, "embeddings rest after several failures");
    return c->done(std::move(c->out));
  }
  c->id = sender_->new_id();
  c->text = std::move(text);
  c->as_base64 = knows_base64();
  ask(c);
}

/// A third of the bytes of numbers in JSON, and nothing to parse.
std::string embedder::impl::body_of(const call& c) const {
  std::string body;
  json_writer w{body};
  w.begin_object().field("input", c.text);
  if (c.as_base64) w.field("encoding_format", "base64");
  if (!where_.body_model.empty()) w.field("model", where_.body_model);
  w.end_object();
  return body;
}

bool embedder::impl::knows_base64() const {
  const std::lock_guard lock{mutex_};
  return !refuses_base64_;
}

/// A server that answers once the field is gone does not know it.
void embedder::impl::note_base64(const call& c, bool good) {
  if (c.as_base64 || !good) return;
  const std::lock_guard lock{mutex_};
  refuses_base64_ = true;
}

void embedder::impl::ask(const std::shared_ptr<call>& c) {
  http::request r;
  r.method = "POST";
  r.url = where_.url;
  r.headers = where_.headers;
  r.body = body_of(*c);
  r.connect_timeout = options_.connect_timeout;
  r.total_timeout = std::max(milliseconds{1}, time_left(*c));
  ++c->attempts;
  sender_->send(c->id, std::move(r),
                [self = shared_from_this(), c](result<http::response> got, bool token_refused) {
                  self->take(c, std::move(got), token_refused);
                });
}

void embedder::impl::take(const std::shared_ptr<call>& c, result<http::response> got, bool token_refused) {
  if (!got) {
    c->out.vector = got.error();
    return finish(c);
  }
  if (token_refused && !std::exchange(c->token_renewed, true)) return ask(c);
  std::optional<failure> why;
  if (const bool refused = got->status == 400 || got->status == 422;
      refused && std::exchange(c->as_base64, false))
    return ask(c);
  if (got->status == 200) c->out = read_embedding(*got, where_.host, options_.dimensions);
  // A vector that is there needs no second look: thousands of numbers.
  if (got->status != 200 || (!c->out.vector && c->out.vector.error().code == errc::malformed))
    why = read_refusal(*got, where_.host, std::chrono::system_clock::now(), how_);
  if (why) {
    if (ask_later(c, *why)) return;
    c->out.vector = std::move(*why);
  }
  note_base64(*c, static_cast<bool>(c->out.vector));
  finish(c);
}

bool embedder::impl::ask_later(const std::shared_ptr<call>& c, const failure& why) {
  if (closed_ || !passes_by_itself(why.code) || c->attempts >= max_embedding_attempts) return false;
  const auto pause = why.retry_after > milliseconds{0} ? why.retry_after : first_pause * c->attempts;
  if (pause >= time_left(*c)) return false;
  const auto timer = loop_.after(pause, [self = shared_from_this(), c] {
    self->pausing_.erase(c->id);
    self->ask(c);
  });
  pausing_.emplace(c->id, pausing{timer, c});
  return true;
}

void embedder::impl::note(const embedding& e) {
  const std::lock_guard lock{mutex_};
  if (e.vector || !not_there(e.vector.error().code)) {
    failures_ = 0;
  } else if (++failures_ >= patience) {
    rest_until_ = steady_clock::now() + rest_after_failures;
  }
}

void embedder::impl::finish(const std::shared_ptr<call>& c) {
  c->out.elapsed = duration_cast<milliseconds>(steady_clock::now() - c->since);
  c->out.asked = c->attempts > 0;
  note(c->out);
  c->done(std::move(c->out));
}

void embedder::impl::close() {
  sender_->close();
  loop_.post([self = shared_from_this()] {
    self->closed_ = true;
    for (auto& [id, p] : std::exchange(self->pausing_, {})) {
      self->loop_.cancel(p.timer);
      p.what->out.vector = fail(dependency::llm, errc::cancelled, "cancelled");
      self->finish(p.what);
    }
  });
}

embedder::embedder(std::shared_ptr<impl> i) : impl_(std::move(i)) {}

embedder::~embedder() {
  impl_->close();
}

result<std::unique_ptr<embedder>> embedder::create(io::loop& loop, http::client& http,
                                                   embedder_options options) {
  auto where = make_endpoint(
      {options.endpoint, options.api_key, options.api_version, options.model, operation_kind::embeddings});
  if (!where) return where.error();
  auto i = std::make_shared<impl>(loop, http, std::move(options), std::move(*where));
  return std::unique_ptr<embedder>{new embedder{std::move(i)}};
}

void embedder::embed(std::string text, done_fn done) {
  impl_->embed(std::move(text), std::move(done));
}

}  // namespace mw::llm

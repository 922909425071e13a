#include "protocol/llm/analyst.hpp"

#include <atomic>
#include <mutex>

#include "protocol/llm/endpoint.hpp"
#include "protocol/llm/evidence.hpp"
#include "protocol/llm/prompt.hpp"
#include "protocol/llm/reasoning_room.hpp"
#include "protocol/llm/request.hpp"
#include "protocol/llm/response.hpp"
#include "protocol/llm/sender.hpp"

namespace mw::llm {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// There are not that many things a deployment can refuse.
constexpr uint32_t max_analysis_attempts = 8;
/// Answers that were paid for and came without a word.
constexpr uint32_t max_starved = 2;

}  // namespace

class analyst::impl : public std::enable_shared_from_this<analyst::impl> {
 public:
  /// One analyse() or probe(): owned by the callback of the HTTP request in flight.
  struct call {
    uint64_t id = 0;
    std::shared_ptr<const analysis_input> input;  ///< null: a probe
    call_limits limits;
    uint32_t room = 0;  ///< for reasoning, beside the limit of the answer
    dialect asked_in;
    steady_clock::time_point since;
    uint32_t attempts = 0;
    uint32_t starved = 0;
    bool token_renewed = false;
    answer out;
    std::function<void(answer)> done;
  };

  impl(http::client& http, analyst_options options, endpoint where)
      : options_(std::move(options)),
        where_(std::move(where)),
        sender_(std::make_shared<sender>(http, options_.identity, options_.scope)),
        request_timeout_(options_.request_timeout) {
    settings_ = {where_.body_model, options_.temperature, options_.reasoning_effort};
    how_ = options_.identity ? sign_in::token : options_.api_key.empty() ? sign_in::none : sign_in::key;
  }

  uint64_t start(std::shared_ptr<call> c);
  void cancel(uint64_t id) { sender_->cancel(id); }
  void close() { sender_->close(); }
  void set_request_timeout(milliseconds limit) { request_timeout_ = limit; }

 private:
  void ask(const std::shared_ptr<call>& c);
  void take(const std::shared_ptr<call>& c, result<http::response> r, bool token_refused);
  bool learnt(call& c, const reply& got);
  static void finish(const std::shared_ptr<call>& c);

  const analyst_options options_;
  const endpoint where_;
  const std::shared_ptr<sender> sender_;
  std::atomic<milliseconds> request_timeout_;
  request_settings settings_;
  sign_in how_ = sign_in::key;

  std::mutex mutex_;  // guards the two below
  dialect dialect_;
  reasoning_room room_;
};

uint64_t analyst::impl::start(std::shared_ptr<call> c) {
  c->id = sender_->new_id();
  c->since = steady_clock::now();
  c->out.model = where_.shown_model;
  ask(c);
  return c->id;
}

void analyst::impl::ask(const std::shared_ptr<call>& c) {
  http::request r;
  r.method = "POST";
  r.url = where_.url;
  r.headers = where_.headers;
  const auto limit =
      c->input ? request_timeout_.load() : std::min(options_.probe_timeout, request_timeout_.load());
  r.connect_timeout = std::min(options_.connect_timeout, limit);
  const auto spent = std::chrono::duration_cast<milliseconds>(steady_clock::now() - c->since);
  r.total_timeout = std::max(milliseconds{1}, limit - spent);
  {
    const std::lock_guard lock{mutex_};
    c->asked_in = dialect_;
    c->room = room_.tokens();
  }
  ++c->attempts;
  call_limits limits = c->limits;
  limits.max_output_tokens += c->room;
  r.body = c->input ? render_request(*c->input, limits, settings_, c->asked_in)
                    : render_probe(settings_, c->asked_in);
  sender_->send(c->id, std::move(r),
                [self = shared_from_this(), c](result<http::response> got, bool token_refused) {
                  self->take(c, std::move(got), token_refused);
                });
}

/// Takes from a reply what it teaches of the deployment; whether to ask again, in what was learnt by it or
/// meanwhile by another call.
bool analyst::impl::learnt(call& c, const reply& got) {
  const std::lock_guard lock{mutex_};
  room_.seen(got.used.reasoning_tokens);
  if (got.content || c.attempts >= max_analysis_attempts) return false;
  const failure& why = got.content.error();
  if (why.code == errc::unsupported_parameter)
    return c.asked_in == dialect_ ? learn(dialect_, why.detail) : true;
  if (got.output_cap && c.asked_in.output_cap != *got.output_cap) {
    dialect_.output_cap = *got.output_cap;
    return true;
  }
  if (why.code != errc::truncated || !got.raw.empty() || !c.input || c.starved >= max_starved) return false;
  ++c.starved;
  return room_.starved(c.room);
}

void analyst::impl::take(const std::shared_ptr<call>& c, result<http::response> r, bool token_refused) {
  answer& out = c->out;
  if (!r) {
    out.outcome = r.error();
    return finish(c);
  }
  if (token_refused && !std::exchange(c->token_renewed, true)) return ask(c);
  auto got = read_reply(*r, where_.host, std::chrono::system_clock::now(), how_);
  out.used.prompt_tokens += got.used.prompt_tokens;
  out.used.completion_tokens += got.used.completion_tokens;
  out.used.cached_tokens += got.used.cached_tokens;
  out.used.reasoning_tokens += got.used.reasoning_tokens;
  ++out.used.calls;
  if (!got.model.empty()) out.model = std::move(got.model);
  out.left = got.left;
  if (learnt(*c, got)) return ask(c);
  out.raw = std::move(got.raw);
  if (!got.content) {
    out.outcome = got.content.error();
  } else if (!c->input) {
    out.outcome = analysis{};
  } else {
    out.outcome = read_analysis(*got.content, *c->input);
  }
  finish(c);
}

void analyst::impl::finish(const std::shared_ptr<call>& c) {
  c->out.elapsed = std::chrono::duration_cast<milliseconds>(steady_clock::now() - c->since);
  c->done(std::move(c->out));
}

analyst::analyst(std::shared_ptr<impl> i) : impl_(std::move(i)) {}

analyst::~analyst() {
  impl_->close();
}

result<std::unique_ptr<analyst>> analyst::create(http::client& http, analyst_options options) {
  auto where = make_endpoint({options.endpoint, options.api_key, options.api_version, options.model});
  if (!where) return where.error();
  auto i = std::make_shared<impl>(http, std::move(options), std::move(*where));
  return std::unique_ptr<analyst>{new analyst{std::move(i)}};
}

uint64_t analyst::analyse(std::shared_ptr<const analysis_input> input, const call_limits& limits,
                          std::function<void(answer)> done) {
  auto c = std::make_shared<impl::call>();
  c->input = std::move(input);
  c->limits = limits;
  c->done = std::move(done);
  return impl_->start(std::move(c));
}

void analyst::cancel(uint64_t id) {
  impl_->cancel(id);
}

void analyst::set_request_timeout(std::chrono::milliseconds limit) {
  impl_->set_request_timeout(limit);
}

void analyst::probe(std::function<void(probe_answer)> done) {
  auto c = std::make_shared<impl::call>();
  c->done = [done = std::move(done)](const answer& a) {
    // Any completed exchange will do: a model that thinks uses up the few tokens, a filter may find fault, a
    // quota may be used up.
    if (a.outcome) return done({ok, a.used});
    const auto& why = a.outcome.error();
    const bool let_in = why.code == errc::truncated || why.code == errc::refused ||
                        why.code == errc::content_filtered || why.code == errc::invalid_answer ||
                        why.code == errc::throttled;
    done({let_in ? status{ok} : status{why}, a.used});
  };
  impl_->start(std::move(c));
}

}  // namespace mw::llm

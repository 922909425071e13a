#include "protocol/llm/analyst.hpp"

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "protocol/llm/endpoint.hpp"
#include "protocol/llm/evidence.hpp"
#include "protocol/llm/prompt.hpp"
#include "protocol/llm/request.hpp"
#include "protocol/llm/response.hpp"

namespace mw::llm {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// There are not that many things a deployment can refuse.
constexpr uint32_t max_attempts = 8;

failure of_transport(failure f) {
  f.from = dependency::llm;
  return f;
}

}  // namespace

class analyst::impl : public std::enable_shared_from_this<analyst::impl> {
 public:
  /// One analyse() or probe(): owned by the callback of the HTTP request in flight.
  struct call {
    uint64_t id = 0;
    std::shared_ptr<const analysis_input> input;  ///< null: a probe
    call_limits limits;
    dialect asked_in;
    steady_clock::time_point since;
    uint32_t attempts = 0;
    answer out;
    std::function<void(answer)> done;
  };

  impl(http::client& http, analyst_options options, endpoint where)
      : http_(http), options_(std::move(options)), where_(std::move(where)) {
    settings_ = {where_.body_model, options_.temperature, options_.reasoning_effort};
  }

  uint64_t start(std::shared_ptr<call> c);
  void cancel(uint64_t id);
  void cancel_all();
  const endpoint& where() const { return where_; }

 private:
  void ask(const std::shared_ptr<call>& c);
  void take(const std::shared_ptr<call>& c, result<http::response> r);
  bool learnt(const call& c, const failure& f);
  void finish(const std::shared_ptr<call>& c);

  http::client& http_;
  const analyst_options options_;
  const endpoint where_;
  request_settings settings_;

  std::mutex mutex_;  // guards the four below
  dialect dialect_;
  std::unordered_map<uint64_t, uint64_t> in_flight_;  // call to HTTP request
  uint64_t next_id_ = 1;
  bool closed_ = false;
};

uint64_t analyst::impl::start(std::shared_ptr<call> c) {
  {
    const std::lock_guard lock{mutex_};
    c->id = next_id_++;
  }
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
  r.connect_timeout = options_.connect_timeout;
  const auto spent = std::chrono::duration_cast<milliseconds>(steady_clock::now() - c->since);
  r.total_timeout = std::max(milliseconds{1}, options_.request_timeout - spent);
  {
    const std::lock_guard lock{mutex_};
    c->asked_in = dialect_;
  }
  ++c->attempts;
  r.body = c->input ? render_request(*c->input, c->limits, settings_, c->asked_in)
                    : render_probe(settings_, c->asked_in);
  // Under the lock until the request's id is known: its answer may come before send() returns.
  const std::lock_guard lock{mutex_};
  in_flight_[c->id] = http_.send(std::move(r), [self = shared_from_this(), c](result<http::response> got) {
    self->take(c, std::move(got));
  });
}

/// Whether to ask again: the dialect changed, by this refusal or meanwhile by another call's.
bool analyst::impl::learnt(const call& c, const failure& f) {
  if (f.code != errc::unsupported_parameter || c.attempts >= max_attempts) return false;
  const std::lock_guard lock{mutex_};
  if (closed_) return false;
  return c.asked_in == dialect_ ? learn(dialect_, f.detail) : true;
}

void analyst::impl::take(const std::shared_ptr<call>& c, result<http::response> r) {
  answer& out = c->out;
  if (!r) {
    out.outcome = of_transport(r.error());
    return finish(c);
  }
  auto got = read_reply(*r, where_.host, std::chrono::system_clock::now());
  out.used.prompt_tokens += got.used.prompt_tokens;
  out.used.completion_tokens += got.used.completion_tokens;
  out.used.cached_tokens += got.used.cached_tokens;
  out.used.reasoning_tokens += got.used.reasoning_tokens;
  ++out.used.calls;
  if (!got.model.empty()) out.model = std::move(got.model);
  out.remaining_requests = got.remaining_requests;
  out.remaining_tokens = got.remaining_tokens;
  if (!got.content && learnt(*c, got.content.error())) return ask(c);
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
  {
    const std::lock_guard lock{mutex_};
    in_flight_.erase(c->id);
  }
  c->out.elapsed = std::chrono::duration_cast<milliseconds>(steady_clock::now() - c->since);
  c->done(std::move(c->out));
}

void analyst::impl::cancel(uint64_t id) {
  const std::lock_guard lock{mutex_};
  if (const auto it = in_flight_.find(id); it != in_flight_.end()) http_.cancel(it->second);
}

void analyst::impl::cancel_all() {
  const std::lock_guard lock{mutex_};
  closed_ = true;
  for (const auto& [id, request] : in_flight_) http_.cancel(request);
}

analyst::analyst(std::shared_ptr<impl> i) : impl_(std::move(i)) {}

analyst::~analyst() {
  impl_->cancel_all();
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

void analyst::probe(std::function<void(status)> done) {
  auto c = std::make_shared<impl::call>();
  c->done = [done = std::move(done)](const answer& a) {
    // Any completed exchange will do: a model that thinks uses up the few tokens, a filter may find fault.
    if (a.outcome) return done(ok);
    const auto& why = a.outcome.error();
    const bool let_in = why.code == errc::truncated || why.code == errc::refused ||
                        why.code == errc::content_filtered || why.code == errc::invalid_answer;
    done(let_in ? status{ok} : status{why});
  };
  impl_->start(std::move(c));
}

}  // namespace mw::llm

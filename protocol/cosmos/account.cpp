#include "protocol/cosmos/account.hpp"

#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <random>
#include <unordered_map>

#include "protocol/base/deliberate_fault.hpp"
#include "protocol/cosmos/session_tokens.hpp"
#include "protocol/cosmos/signing.hpp"
#include "protocol/http/url.hpp"
#include "protocol/io/run_on.hpp"

namespace mw::cosmos {
namespace {

using std::chrono::milliseconds;

constexpr const char* api_version = "2018-12-31";
constexpr const char* common_scope = "https://cosmos.azure.com/.default";

failure of_memory(failure f) {
  f.from = dependency::memory;
  return f;
}

const char* method_of(operation op) {
  switch (op) {
    case operation::read:
    case operation::container:
      return "GET";
    case operation::create:
    case operation::query:
      return "POST";
    case operation::replace:
      return "PUT";
    case operation::remove:
      return "DELETE";
  }
  return "GET";
}

bool has_id(operation op) {
  return op == operation::read || op == operation::replace || op == operation::remove;
}

}  // namespace

std::string scope_of(std::string_view endpoint) {
  const size_t scheme = endpoint.find("://");
  const size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  return std::string{endpoint.substr(0, endpoint.find_first_of(":/", host))} + "/.default";
}

class account::impl : public std::enable_shared_from_this<account::impl> {
 public:
  struct call {
    request what;
    deadline until;
    done_fn done;
    unsigned tries = 0;
    bool token_renewed = false;
    std::string token;  ///< of the last try, where Entra is used
  };
  using call_ptr = std::shared_ptr<call>;

  impl(io::loop& loop, http::client& client, account_options options)
      : loop_(loop), client_(client), options_(std::move(options)), random_(options_.seed) {}

  status prepare() {
    std::string& url = options_.endpoint;
    while (url.ends_with('/')) url.pop_back();
    const size_t scheme = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
    if (scheme == 0 || url.size() == scheme || url.find_first_of("/?# \t", scheme) != std::string::npos)
      return fail(dependency::memory, errc::misconfigured,
                  "COSMOS_ENDPOINT is not a URL like https://ACCOUNT.documents.azure.com:443/");
    if (options_.database.empty())
      return fail(dependency::memory, errc::misconfigured, "COSMOS_DATABASE_NAME is empty");
    scope_ = scope_of(url);
    if (options_.key.empty() && !options_.tokens)
      return fail(dependency::memory, errc::misconfigured,
                  "COSMOS_ENDPOINT is set, but neither COSMOS_KEY nor an Entra identity");
    if (options_.key.empty()) return ok;
    auto key = decode_key(options_.key);
    if (!key) return of_memory(key.error());
    key_ = std::move(*key);
    options_.key.clear();
    return ok;
  }

  void start(call_ptr c) {
    if (c->what.op != operation::container) {
      auto good = check_id("the user id", c->what.user_id);
      if (good && (has_id(c->what.op) || c->what.op == operation::create))
        good = check_id("the document's id", c->what.id);
      if (!good) return c->done(good.error());
    }
    attempt(std::move(c));
  }

  void close() {
    {
      const std::lock_guard lock{mutex_};
      closing_ = true;
    }
    io::run_on(loop_, [this] {
      auto waiting = std::move(waiting_);
      waiting_.clear();
      for (auto& [timer, c] : waiting) {
        loop_.cancel(timer);
        c->done(cancelled());
      }
    });
  }

 private:
  bool entra() const { return key_.empty(); }
  static failure cancelled() {
    return fail(dependency::memory, errc::cancelled, "the store is being closed");
  }
  milliseconds left(const call& c) const {
    return std::chrono::duration_cast<milliseconds>(c.until - std::chrono::steady_clock::now());
  }
  std::string where(const call& c) const {
    if (c.what.op == operation::container)
      return fmt::format("a look at {}/{}", options_.database, c.what.container);
    return fmt::format("a {} in {}/{}", to_string(c.what.op), options_.database, c.what.container);
  }
  double chance() {
    const std::lock_guard lock{mutex_};
    return std::uniform_real_distribution<double>{0, 1}(random_);
  }

  std::string link(const request& a) const {
    std::string out = fmt::format("dbs/{}/colls/{}", options_.database, a.container);
    if (has_id(a.op)) out.append("/docs/").append(a.id);
    return out;
  }
  std::string url(const request& a) const {
    std::string out = fmt::format("{}/dbs/{}/colls/{}", options_.endpoint,
                                  http::percent_encode(options_.database), http::percent_encode(a.container));
    if (a.op != operation::container) out += "/docs";
    if (has_id(a.op)) out.append("/").append(http::percent_encode(a.id));
    return out;
  }

  void attempt(call_ptr c) {
    if (closing_) return c->done(cancelled());
    if (left(*c).count() <= 0)
      return c->done(fail(dependency::memory, errc::timed_out, "no time left for " + where(*c)));
    ++c->tries;
    if (entra()) return fetch_token(std::move(c), scope());
    const std::string date = http_date(options_.now());
    const std::string target = link(c->what);
    const char* type = c->what.op == operation::container ? "colls" : "docs";
    submit(c, master_authorization(key_, {method_of(c->what.op), type, target, date}), date);
  }

  std::string scope() {
    const std::lock_guard lock{mutex_};
    return scope_;
  }

  void fetch_token(call_ptr c, const std::string& scope) {
    options_.tokens->get(scope, [self = shared_from_this(), c, scope](result<azure::access_token> t) {
      self->on_loop(
          [self, c, scope, t = std::move(t)]() mutable { self->take_token(c, scope, std::move(t)); },
          [c] { c->done(cancelled()); });
    });
  }

  /// The identity may have a loop of its own, which knows nothing of our end: from there on to ours, while it
  /// is there.
  template <class Then, class Otherwise>
  void on_loop(Then then, Otherwise otherwise) {
    if (loop_.on_loop_thread()) return then();
    {
      const std::lock_guard lock{mutex_};
      if (!closing_) return loop_.post(std::move(then));
    }
    otherwise();
  }

  void take_token(const call_ptr& c, const std::string& scope, result<azure::access_token> t) {
    if (!t) return token_failed(c, scope, t.error());
    c->token = std::move(t->value);
    submit(c, token_authorization(c->token), http_date(options_.now()));
  }

  /// A tenant that does not know the account's own audience (AADSTS500011) knows the common one.
  void token_failed(const call_ptr& c, const std::string& scope, const failure& why) {
    if (scope == common_scope || why.detail.find("AADSTS500011") == std::string::npos)
      return c->done(of_memory(why));
    {
      const std::lock_guard lock{mutex_};
      scope_ = common_scope;
    }
    fetch_token(c, common_scope);
  }

  void submit(const call_ptr& c, std::string authorization, std::string date) {
    if (closing_) return c->done(cancelled());
    const request& a = c->what;
    http::request r;
    r.method = method_of(a.op);
    r.url = url(a);
    r.body = a.body;
    r.connect_timeout = options_.connect_timeout;
    r.total_timeout = std::max(left(*c), milliseconds{1});
    r.max_response_bytes = options_.max_response_bytes;
    add_headers(r, a);
    r.headers.emplace_back("authorization", std::move(authorization));
    r.headers.emplace_back("x-ms-date", std::move(date));
    client_.send(std::move(r), [self = shared_from_this(), c](result<http::response> answer) {
      self->take(c, std::move(answer));
    });
  }

  void add_headers(http::request& r, const request& a) const {
    r.headers.emplace_back("x-ms-version", api_version);
    r.headers.emplace_back("accept", "application/json");
    if (a.op == operation::container) return;
    r.headers.emplace_back("x-ms-documentdb-partitionkey", partition_key_header(a.user_id));
    if (!is_write(a.op))
      if (auto token = sessions_.latest(a.container); !token.empty())
        r.headers.emplace_back("x-ms-session-token", std::move(token));
    switch (a.op) {
      case operation::read:
        // Without effect on the service; the emulator of vercel answers 500 to an absent item without it.
        r.headers.emplace_back("x-ms-documentdb-query-enablecrosspartition", "true");
        break;
      case operation::query:
        r.headers.emplace_back("content-type", "application/query+json");
        r.headers.emplace_back("x-ms-documentdb-isquery", "True");
        r.headers.emplace_back("x-ms-max-item-count", "100");
        if (!a.continuation.empty()) r.headers.emplace_back("x-ms-continuation", a.continuation);
        break;
      case operation::create:
      case operation::replace:
        r.headers.emplace_back("content-type", "application/json");
        r.headers.emplace_back("prefer", "return=minimal");
        break;
      default:
        break;
    }
    if (!a.if_match.empty() && !deliberate_fault("skip-compare-and-swap"))
      r.headers.emplace_back("if-match", a.if_match);
  }

  void take(const call_ptr& c, result<http::response> r) {
    if (!r) return c->done(of_memory(r.error()));
    if (options_.told.answered) options_.told.answered(c->what.op, charge_of(*r));
    sessions_.note(c->what.container, r->header("x-ms-session-token"));
    const auto step = judge(*r, {c->what.op, c->tries, entra(), c->token_renewed, left(*c), chance()});
    if (step.kind == next_step::take) {
      answer a{r->status, std::string{r->header("etag")}, {}, std::string{r->header("x-ms-continuation")}};
      a.body = std::move(r->body);
      return c->done(std::move(a));
    }
    if (step.kind == next_step::give_up) {
      // Tokens of a container that was made anew would be ahead for ever.
      if (step.cause == "session") sessions_.forget(c->what.container);
      return c->done(failure_of(*r, where(*c), entra(), options_.now()));
    }
    if (options_.told.asked_again) options_.told.asked_again(step.cause);
    if (step.kind == next_step::renew_token) {
      c->token_renewed = true;
      options_.tokens->refused(scope(), c->token);
      return attempt(c);
    }
    wait(c, step.wait);
  }

  void wait(const call_ptr& c, milliseconds time) {
    if (closing_) return c->done(cancelled());
    const auto slot = std::make_shared<io::timer_id>(0);
    *slot = loop_.after(time, [this, slot] {
      const auto node = waiting_.extract(*slot);
      if (!node.empty()) attempt(node.mapped());
    });
    waiting_.emplace(*slot, c);
  }

  io::loop& loop_;
  http::client& client_;
  account_options options_;
  std::string key_;  ///< bytes; empty: Entra
  session_tokens sessions_;
  std::atomic<bool> closing_{false};
  std::mutex mutex_;  // guards the two below
  std::string scope_;
  std::mt19937_64 random_;
  std::unordered_map<io::timer_id, call_ptr> waiting_;  // loop thread only
};

account::account(std::shared_ptr<impl> i) : impl_(std::move(i)) {}

result<std::shared_ptr<account>> account::make(io::loop& loop, http::client& client,
                                               account_options options) {
  auto i = std::make_shared<impl>(loop, client, std::move(options));
  if (const auto ready = i->prepare(); !ready) return ready.error();
  return std::shared_ptr<account>(new account(std::move(i)));
}

void account::close() {
  impl_->close();
}

void account::send(request what, deadline until, done_fn done) {
  impl_->start(std::make_shared<impl::call>(impl::call{std::move(what), until, std::move(done)}));
}

}  // namespace mw::cosmos

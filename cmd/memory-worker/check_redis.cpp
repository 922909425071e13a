#include "cmd/memory-worker/check_redis.hpp"

#include <fmt/format.h>

#include <future>

namespace mw {

redis_rights try_redis(session_port& redis, const config::session_loader_settings& s) {
  const auto read = std::make_shared<std::promise<status>>();
  const auto wrote = std::make_shared<std::promise<status>>();
  const std::string nobody = "memory-worker-check";
  redis.fetch(
      nobody, {}, [](uint64_t, const std::function<void()>& go) { go(); },
      [read](result<session_texts> r) {
        const bool absent = !r && r.error().code == errc::conversation_missing;
        read->set_value(r || absent ? status{ok} : status{std::move(r.error())});
      });
  if (s.own_keys)
    redis.save_answer("check", "1", [wrote](status r) { wrote->set_value(std::move(r)); });
  else
    wrote->set_value(ok);
  const auto answer = [&](std::promise<status>& p) {
    auto f = p.get_future();
    if (f.wait_for(s.command_timeout * 3) == std::future_status::ready) return f.get();
    return status{fail(dependency::redis, errc::timed_out, "no answer within the time-out")};
  };
  redis_rights rights{answer(*read), answer(*wrote)};
  if (s.own_keys && rights.own_keys) redis.drop_answer("check");
  return rights;
}

std::vector<std::string> redis_advice(const status& answer, const redis_rights& rights,
                                      const config::session_loader_settings& s) {
  if (answer) {
    if (rights.own_keys) return {};
    const failure& why = rights.own_keys.error();
    return {fmt::format("keys {}* are refused, so a crash or a second replica may pay the LLM twice",
                        s.key_prefix),
            fmt::format("{}: {}", to_string(why.code), why.detail)};
  }
  const bool entra = s.tls && s.password.empty();
  switch (answer.error().code) {
    case errc::unauthorized:
      if (entra) return {};
      return {"set REDIS_PASSWORD (and REDIS_USERNAME for an ACL user) to what the server accepts"};
    case errc::unreachable:
    case errc::timed_out:
      return {
          fmt::format("REDIS_HOST={} REDIS_PORT={} REDIS_SSL={}; Azure Managed Redis: port 10000 with TLS",
                      s.host, s.port, s.tls)};
    default:
      return {};
  }
}

}  // namespace mw

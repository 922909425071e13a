#include "actors/admin.hpp"

#include "actors/guard.hpp"
#include "protocol/observe/admin_endpoints.hpp"

namespace mw {

admin_actor::behavior_type admin(admin_actor::stateful_pointer<admin_state> self,
                                 std::shared_ptr<services> s) {
  self->state.init(self, std::move(s));
  return self->state.behavior();
}

void admin_state::init(admin_actor::pointer self, std::shared_ptr<services> s) {
  self_ = self;
  services_ = std::move(s);
  self_->set_default_handler(caf::drop);
  const auto settings = services_->settings->admin;
  if (!settings.enabled) return;
  http::server_options options;
  options.bind = settings.bind;
  options.port = settings.port;
  options.threads = 4;
  auto started =
      http::server::start(options, [services = services_, target = target_](const http::server_request& r) {
        if (r.path != "/flush") return observe::admin_routes(r, services->metrics, services->status);
        if (r.method != "POST")
          return http::problem(405, "Method Not Allowed", "use POST /flush?user=ID&session=ID");
        const std::lock_guard lock{target->mutex};
        if (!target->dispatcher)
          return http::problem(503, "Service Unavailable", "the dispatcher is restarting");
        caf::anon_send(target->dispatcher, flush_windows{r.parameter("user"), r.parameter("session")});
        http::server_response accepted;
        accepted.body = R"({"status":"accepted"})";
        return accepted;
      });
  if (!started) {
    observe::log(log_level::error, "admin-port-unavailable").failed(started.error());
    self_->quit(down_reason(errc::connection_lost, 0, to_string(started.error())));
    return;
  }
  server_ = std::move(*started);
  services_->admin_listening(server_->port());
}

admin_actor::behavior_type admin_state::behavior() {
  return {
      [this](const routes& r) {
        const std::lock_guard lock{target_->mutex};
        target_->dispatcher = handle_of<dispatcher_actor>(r.dispatcher);
      },
  };
}

}  // namespace mw

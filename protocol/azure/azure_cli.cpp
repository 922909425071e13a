// The last link: whoever signed in with `az login` on this machine.
#include "protocol/azure/credential.hpp"
#include "protocol/io/process.hpp"

namespace mw::azure {
namespace {

constexpr size_t largest_answer = 64 << 10;

/// az writes "ERROR: words"; warnings may come before.
std::string complaint_of(std::string_view text) {
  constexpr std::string_view mark = "ERROR: ";
  const auto at = text.find(mark);
  return first_words(at == std::string_view::npos ? text : text.substr(at + mark.size()));
}

class azure_cli final : public credential, public std::enable_shared_from_this<azure_cli> {
 public:
  azure_cli(const credential_context& context, std::string tenant_id)
      : context_(context), tenant_id_(std::move(tenant_id)) {}

  std::string_view name() const override { return "Azure CLI"; }

  void fetch(const std::string& scope, credential_done done) override {
    std::vector<std::string> command{"az",      "account", "get-access-token", "--output", "json",
                                     "--scope", scope};
    if (!tenant_id_.empty()) command.insert(command.end(), {"--tenant", tenant_id_});
    io::run_program(context_.loop, std::move(command), {context_.command_timeout, largest_answer},
                    [weak = weak_from_this(), done = std::move(done)](result<io::program_end> r) {
                      if (!weak.expired()) done(read(r));
                    });
  }

 private:
  static credential_answer read(const result<io::program_end>& r) {
    if (!r && r.error().code == errc::not_found)
      return {fail(errc::misconfigured, "az is not installed here"), true};
    if (!r) return {fail(errc::timed_out, "az " + r.error().detail)};
    if (r->exit_code != 0) {
      const std::string words = complaint_of(r->error);
      return {fail(errc::unauthorized,
                   "az ended with " + std::to_string(r->exit_code) + (words.empty() ? "" : ": " + words)),
              true};
    }
    return {read_cli_answer(r->output, std::chrono::system_clock::now())};
  }

  credential_context context_;
  std::string tenant_id_;
};

}  // namespace

std::shared_ptr<credential> make_azure_cli(const credential_context& context, std::string tenant_id) {
  return std::make_shared<azure_cli>(context, std::move(tenant_id));
}

}  // namespace mw::azure

// The links of the chain against the strict stand-in.
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cmd/memory-devstack/jwt/jwt.hpp"
#include "protocol/base/json_writer.hpp"
#include "tests/unit/azure/entra_fixture.hpp"
#include "tests/unit/http/hanging_peer.hpp"

using namespace std::chrono_literals;
using namespace mw;
using namespace mw::azure;
using namespace mw::azure::test;
namespace fs = std::filesystem;

namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// A folder with an `az` of our own that is the only thing on PATH.
class only_az {
 public:
  explicit only_az(const std::string& script) {
    std::string made = "/tmp/mw-test-az-XXXXXX";
    REQUIRE(mkdtemp(made.data()) != nullptr);
    dir_ = made;
    if (!script.empty()) {
      std::ofstream{dir_ / "az"} << "#!/bin/sh\n" << script;
      fs::permissions(dir_ / "az", fs::perms::owner_all);
    }
    setenv("PATH", dir_.c_str(), 1);
  }
  ~only_az() {
    setenv("PATH", old_.c_str(), 1);
    fs::remove_all(dir_);
  }
  only_az(const only_az&) = delete;
  only_az& operator=(const only_az&) = delete;
  fs::path dir() const { return dir_; }

 private:
  fs::path dir_;
  std::string old_ = getenv("PATH");
};

class token_file {
 public:
  explicit token_file(const std::string& text) {
    close(mkstemp(path.data()));
    write(text);
  }
  ~token_file() { unlink(path.c_str()); }
  token_file(const token_file&) = delete;
  token_file& operator=(const token_file&) = delete;
  void write(const std::string& text) const { std::ofstream{path} << text; }
  std::string path = "/tmp/mw-test-token-XXXXXX";
};

std::string federated(const devstack::entra_options& o,
                      std::string_view audience = "api://AzureADTokenExchange") {
  std::string payload;
  json_writer w{payload};
  w.begin_object().field("aud", audience).field("sub", o.federated_subject);
  w.field("exp", static_cast<int64_t>(std::time(nullptr)) + 600).end_object();
  return devstack::sign_jwt(payload, o.federated_key);
}

devstack::entra_options with_federation() {
  devstack::entra_options o;
  o.federated_key = "cluster-key";
  return o;
}

}  // namespace

TEST_CASE("environment: a client secret gives a token for the scope, with the identity's object id") {
  entra e;
  auto w = worker::with_secret(e);
  const auto token = w.get();
  REQUIRE(token);
  CHECK(token->object_id == e.options.object_id);
  CHECK(token->expires - std::chrono::system_clock::now() > 59min);
  CHECK(w.used_link() == "environment");
  CHECK(devstack::verify_jwt(token->value, e.options.jwt_key, "https://servicebus.azure.net/",
                             std::time(nullptr)));
  CHECK(w.get("https://redis.azure.com/.default")->value != token->value);
  CHECK(w.get()->value == token->value);
  CHECK(e.counted(R"("granted":{"client_secret":2})"));
}

TEST_CASE("environment: a wrong secret is told with its AADSTS code and signs in as nobody else") {
  entra e;
  auto w = worker::with_secret(e);
  w.client.client_secret = "tell-nobody";
  w.managed.imds_host = e.url();
  const auto why = w.get_and_fail();
  CHECK(why.code == errc::unauthorized);
  CHECK(has(why.detail, "environment: status 401 invalid_client: AADSTS7000215"));
  CHECK_FALSE(has(why.detail, "tell-nobody"));
  CHECK_FALSE(has(why.detail, "Trace ID"));
  CHECK_FALSE(e.counted("imds"));
}

TEST_CASE(
    "environment: a wrong tenant, client, resource or scope is refused as Entra does, and not asked again") {
  entra e;
  auto tenant = worker::with_secret(e);
  tenant.client.tenant_id = "nowhere.example";
  CHECK(has(tenant.get_and_fail().detail, "AADSTS90002"));
  auto client = worker::with_secret(e);
  client.client.client_id = "00000000-0000-0000-0000-000000000000";
  CHECK(has(client.get_and_fail().detail, "AADSTS700016"));
  auto resource = worker::with_secret(e);
  CHECK(has(resource.get_and_fail("https://unknown.example/.default").detail, "AADSTS500011"));
  CHECK(has(resource.get_and_fail("https://servicebus.azure.net").detail, "AADSTS1002012"));
  CHECK(e.counted(R"("requests":{"client_secret":4})"));
}

TEST_CASE("environment: a secret never goes to a strange address in plain text") {
  auto w = worker::with_secret(entra{});
  w.client.authority_host = "http://login.example";
  const auto why = w.get_and_fail();
  CHECK(why.code == errc::misconfigured);
  CHECK(has(why.detail, "https://"));
  auto odd = worker::with_secret(entra{});
  odd.client.tenant_id = "../admin";
  CHECK(odd.get_and_fail().code == errc::misconfigured);
}

TEST_CASE("environment: short trouble at Entra is ridden out, long trouble is unreachable or throttled") {
  entra e;
  e.faults(R"({"kind":"error","next":2,"status":503})");
  CHECK(worker::with_secret(e).get());
  e.faults(R"({"kind":"error","status":500})");
  CHECK(worker::with_secret(e).get_and_fail().code == errc::unreachable);
  e.faults(R"({"kind":"bad_json"})");
  CHECK(worker::with_secret(e).get_and_fail().code == errc::unreachable);
  e.faults(R"({"kind":"throttle","retry_after_s":17})");
  const auto busy = worker::with_secret(e).get_and_fail();
  CHECK(busy.code == errc::throttled);
  CHECK(busy.retry_after == 17s);
}

TEST_CASE("environment: an Entra that never answers is given up in finite time") {
  const http::testing::hanging_peer silent;
  auto w = worker::with_secret(entra{});
  w.client.authority_host = "http://127.0.0.1:" + std::to_string(silent.port());
  w.request_timeout = 50ms;
  CHECK(w.get_and_fail().code == errc::timed_out);
}

TEST_CASE("workload identity: the federated token is read anew for each request") {
  entra e{with_federation()};
  const token_file file{"garbage\n"};
  worker w;
  w.client = {e.url(), e.options.tenant, e.options.client_id, "", file.path};
  CHECK(has(w.get_and_fail().detail, "workload identity: status 401 invalid_client: AADSTS50027"));
  file.write(federated(e.options) + "\n");
  CHECK(w.get()->object_id == e.options.object_id);  // waits for the pause after the failure
  CHECK(w.used_link() == "workload identity");
}

TEST_CASE("workload identity: a file for another audience, or none, is told in words") {
  entra e{with_federation()};
  const token_file file{federated(e.options, "api://other")};
  worker w;
  w.client = {e.url(), e.options.tenant, e.options.client_id, "", file.path};
  CHECK(has(w.get_and_fail().detail, "AADSTS700212"));
  worker none;
  none.client = {e.url(), e.options.tenant, e.options.client_id, "", "/nonexistent/token"};
  const auto why = none.get_and_fail();
  CHECK(why.code == errc::misconfigured);
  CHECK(has(why.detail, "AZURE_FEDERATED_TOKEN_FILE"));
}

TEST_CASE(
    "managed identity: the identity endpoint is asked with its header, for the identity that is named") {
  entra e;
  worker w;
  w.managed = {e.url() + "/msi/token", e.options.identity_header, nobody, e.options.client_id};
  const auto token = w.get();
  REQUIRE(token);
  CHECK(token->expires - std::chrono::system_clock::now() > 59min);
  CHECK(w.used_link() == "managed identity (identity endpoint)");
  worker other;
  other.managed = {e.url() + "/msi/token", e.options.identity_header, nobody, "another"};
  CHECK(has(other.get_and_fail().detail, "No User Assigned"));
  worker header;
  header.managed = {e.url() + "/msi/token", "wrong", nobody, ""};
  CHECK(header.get_and_fail().code == errc::unauthorized);
}

TEST_CASE("managed identity: IMDS is found by a probe, and retried while it says 404, 410, 429 or 500") {
  entra e;
  worker w;
  w.managed.imds_host = e.url();
  e.faults(R"({"kind":"error","next":1,"status":404},{"kind":"error","next":1,"status":410},
              {"kind":"throttle","next":1,"retry_after_s":0},{"kind":"error","next":2,"status":500})");
  CHECK(w.get());
  CHECK(w.used_link() == "managed identity (IMDS)");
  CHECK(e.counted(R"("requests":{"imds":6},"granted":{"imds":1})"));
}

TEST_CASE("managed identity: an identity that the machine does not have is passed over") {
  const only_az none{""};
  entra e;
  worker w;
  w.managed.imds_host = e.url();
  w.managed.client_id = "another";
  const auto why = w.get_and_fail();
  CHECK(has(why.detail,
            "managed identity (IMDS): status 400 invalid_request: Identity not found; Azure CLI: "));
}

TEST_CASE("chain: where no link applies each says why, and it does not take long") {
  const only_az none{""};
  worker w;
  const auto why = w.get_and_fail();
  CHECK(why.code == errc::unauthorized);
  CHECK(why.from == dependency::none);
  CHECK(has(why.detail, "environment: not set: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET; "));
  CHECK(has(why.detail,
            "workload identity: not set: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE; "));
  CHECK(has(why.detail, "managed identity (IMDS): no metadata service answers at http://127.0.0.1:9; "));
  CHECK(has(why.detail, "Azure CLI: az is not installed here"));
}

TEST_CASE("chain: a metadata address that swallows what it gets holds nobody up for long") {
  const only_az none{""};
  const http::testing::hanging_peer silent;
  worker w;
  w.managed.imds_host = "http://127.0.0.1:" + std::to_string(silent.port());
  CHECK(has(w.get_and_fail().detail, "managed identity (IMDS): no metadata service answers"));
}

TEST_CASE("chain: the link that worked first is kept, for other scopes too") {
  const only_az none{""};
  entra e;
  worker w;
  w.managed.imds_host = e.url();
  REQUIRE(w.get());
  e.faults(R"({"kind":"error","status":400})");
  const auto why = w.get_and_fail("https://redis.azure.com/.default");
  CHECK(has(why.detail, "managed identity (IMDS): status 400"));
  CHECK_FALSE(has(why.detail, "environment"));
  CHECK_FALSE(has(why.detail, "Azure CLI"));
}

TEST_CASE("Azure CLI: its token is taken, asked for with the scope and the tenant") {
  const only_az az{R"(echo "$*" > "${0%/*}/asked"
echo '{"accessToken":"from-az","expires_on":99999999999}'
)"};
  worker w;
  w.client.tenant_id = "my-tenant";
  CHECK(w.get()->value == "from-az");
  CHECK(w.used_link() == "Azure CLI");
  std::string asked;
  std::getline(std::ifstream{az.dir() / "asked"} >> std::ws, asked);
  CHECK(asked ==
        "account get-access-token --output json --scope https://servicebus.azure.net/.default --tenant "
        "my-tenant");
}

TEST_CASE("Azure CLI: what it complains of is told; too much and too long is ended") {
  worker w;
  {
    const only_az az{
        "echo WARNING: old >&2\necho 'ERROR: Please run az login to setup account.' >&2\nexit 1\n"};
    CHECK(has(w.get_and_fail().detail, "Azure CLI: az ended with 1: Please run az login to setup account"));
  }
  {
    const only_az az{"while :; do echo 0123456789012345678901234567890123456789; done\n"};
    worker talks;
    CHECK(has(talks.get_and_fail().detail, "az printed more than"));
  }
  {
    const only_az az{"while :; do :; done & while :; do :; done\n"};
    worker hangs;
    hangs.command_timeout = 200ms;
    const auto why = hangs.get_and_fail();
    CHECK(why.code == errc::timed_out);
    CHECK(has(why.detail, "az gave no answer"));
  }
}

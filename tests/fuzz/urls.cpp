// URLs of endpoints and what stands in them: the first line a URL, the second a list of no_proxy. Holds:
// percent-coding is undone by its contrary; an endpoint is in one line, an error has words; a command to
// grant a role is one command.
#include "protocol/azure/roles.hpp"
#include "protocol/azure/sas.hpp"
#include "protocol/http/proxy.hpp"
#include "protocol/http/server_message.hpp"
#include "protocol/http/url.hpp"
#include "protocol/llm/endpoint.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto rest = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 400, 64 << 10};
  const std::string url{fuzz::take_line(rest)};
  if (rest.find('\0') == std::string_view::npos)
    fuzz::holds(http::percent_decode(http::percent_encode(rest)) == rest,
                "percent-coding is undone by its contrary");
  if (const auto plain = http::percent_decode(url))
    fuzz::holds(plain->size() <= url.size(), "decoding makes no text");
  for (const auto part : http::split_path(url))
    fuzz::holds(!part.empty() && part.find('/') == std::string_view::npos, "a segment has no slash");
  http::server_request request;
  request.query = url;
  request.parameter("user");
  const http::proxy_rules rules{[&](const char* name) {
    const std::string_view wanted = name;
    return wanted == "no_proxy" ? std::string{rest} : wanted == "http_proxy" ? "http://proxy:3128" : url;
  }};
  rules.proxy_for(url);
  for (const auto kind : {llm::operation_kind::chat, llm::operation_kind::embeddings}) {
    const auto made = llm::make_endpoint({url, "key", "", "", kind});
    if (made)
      fuzz::holds(made->url.find_first_of("\r\n ") == std::string::npos, "an endpoint's URL is in one piece");
    else
      fuzz::has_words(made.error());
  }
  llm::takes_entra(url);
  llm::same_host(url, rest);
  for (const auto what : {azure::service::service_bus, azure::service::redis, azure::service::llm,
                          azure::service::cosmos, azure::service::app_insights})
    fuzz::holds(azure::role_for(what, url, rest).command.find_first_of(";|&`\r\n") == std::string::npos,
                "a command to grant a role is one command");
  if (const auto space = azure::parse_namespace(url, 5'671))
    fuzz::holds(space->port > 0 && !space->host.empty(), "a namespace has a host and a port");
  return 0;
}

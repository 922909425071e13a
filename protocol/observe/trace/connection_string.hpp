// APPLICATIONINSIGHTS_CONNECTION_STRING: "InstrumentationKey=UUID;IngestionEndpoint=https://...;...". Keys
// are compared without case, unknown ones are ignored. IngestionEndpoint wins over EndpointSuffix (with
// Location), and the service's public endpoint is the default. Pure. Error: misconfigured, naming the part
// that is missing or wrong, never a value.
#pragma once

#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"

namespace mw::observe {

struct insights_connection {
  std::string instrumentation_key;
  std::string endpoint;  ///< without a trailing slash
  std::string audience;  ///< AADAudience; not empty: Entra signs in
  std::string track_url() const { return endpoint + "/v2.1/track"; }
  std::string entra_scope() const;
};

result<insights_connection> parse_insights_connection(std::string_view text);

}  // namespace mw::observe

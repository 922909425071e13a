// Error answers in the shapes of the real services: OpenAI's {"error":{message,type,param,code}}, and what
// Azure does otherwise for a bad key or an unknown path. Pure.
#pragma once

#include <string>
#include <string_view>

#include "protocol/http/server.hpp"

namespace mw::standin {

enum class flavour { azure, openai };

struct api_error {
  int status = 400;
  std::string message;
  std::string param;  ///< empty: null
  std::string code;   ///< empty: null
  std::string type = "invalid_request_error";
  std::string inner;  ///< JSON text of `innererror`; empty: absent
};

http::server_response to_response(const api_error& e);
/// 400: what is wrong with this parameter.
api_error invalid_request(std::string message, std::string param, std::string code = {});
/// 401 as the service of that flavour says it.
http::server_response bad_key(flavour f);
/// 404: unknown path, deployment or api-version.
http::server_response not_there(flavour f, std::string_view what);
/// 400 content_filter with Azure's innererror, the category `violence` at fault.
api_error prompt_filtered();

}  // namespace mw::standin

// Connection strings and ready-made signatures. Holds: one that is taken names a host, a port, and a key or a
// signature; an error has words that hold no key; a signature ends when it was made to; percent-coding is
// ASCII.
#include "protocol/azure/sas.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 100, 512 << 10};
  const auto read = azure::parse_connection_string(text);
  if (read) {
    fuzz::holds(!read->host.empty() && read->port > 0, "a bus has a host and a port");
    fuzz::holds(!read->signature.empty() || (!read->key_name.empty() && !read->key.empty()),
                "a bus has a way in");
    const std::string written =
        "Endpoint=sb://" + (read->host.find(':') == std::string::npos ? read->host : "[" + read->host + "]") +
        ":" + std::to_string(read->port) + "/;SharedAccessKeyName=n;SharedAccessKey=k";
    const auto again = azure::parse_connection_string(written);
    if (read->host.find_first_of(" \t\r\n\";:[]") == std::string::npos)
      fuzz::holds(again && again->host == read->host && again->port == read->port,
                  "what was written reads the same");
  } else {
    fuzz::has_words(read.error());
  }
  for (const char c : azure::percent_encode(text)) fuzz::holds(c > ' ' && c < 127, "percent-coding is ASCII");
  const std::chrono::system_clock::time_point end{std::chrono::seconds{1'780'000'000}};
  fuzz::holds(azure::sas_expiry(azure::make_sas_token(text, "name", text, end)) == end,
              "a signature ends when it should");
  azure::sas_expiry(text);
  return 0;
}

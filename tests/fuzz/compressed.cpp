// A body that came compressed: the first byte chooses what its header says, the rest is the body. Holds: no
// more than the cap is held, whatever unpacks to how much; what is compressed here is undone; a failure
// leaves the body as it was.
#include <zlib.h>

#include <array>

#include "protocol/http/content_encoding.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

constexpr size_t cap = 64 << 10;
constexpr std::array<const char*, 8> encodings{"",
                                               "gzip",
                                               "deflate",
                                               "x-gzip, deflate",
                                               "GZIP",
                                               "gzip, gzip",
                                               "gzip,gzip,gzip,gzip",
                                               " identity , gzip"};

std::string compressed(std::string text) {
  z_stream z{};
  fuzz::holds(deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib works");
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(text.data());
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  http::response r;
  r.headers = {{"content-encoding", encodings.at(data[0] % encodings.size())}};
  r.body = fuzz::text_of(data, size).substr(1);
  const std::string before = r.body;
  {
    const fuzz::heap_bound bound{size, 8, 4 * cap + (256 << 10)};
    http::is_encoded(r);
    const auto undone = http::decode_body(r, cap);
    if (undone) {
      fuzz::holds(r.body.size() <= std::max(cap, before.size()), "a body is no larger than the cap");
    } else {
      fuzz::has_words(undone.error());
      fuzz::same(r.body, before, "a failure leaves the body as it was");
    }
  }
  r.headers = {{"content-encoding", "gzip"}};
  r.body = compressed(before);
  fuzz::holds(http::decode_body(r, cap).has_value(), "what is compressed here can be undone");
  fuzz::same(r.body, before, "what is compressed here is undone");
  return 0;
}

#include "protocol/http/transfer.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "protocol/base/ascii.hpp"
#include "protocol/http/content_encoding.hpp"
#include "protocol/io/open_files.hpp"

namespace mw::http {
namespace {

constexpr size_t usual_headers = 16;
constexpr size_t max_header_bytes = 256u << 10;
constexpr size_t expects_from = 1'000'000;  // body bytes; libcurl asks for a 100 from 1 MiB on

bool sends_body(const request& r) {
  return !r.body.empty() || r.method == "POST" || r.method == "PUT" || r.method == "PATCH";
}

/// Where the query begins, or npos: it is none that may stand in a URL as it is.
size_t plain_query(std::string_view url) {
  const size_t mark = url.find('?');
  if (mark == std::string_view::npos) return mark;
  const auto query = url.substr(mark + 1);
  const bool plain =
      std::all_of(query.begin(), query.end(), [](char c) { return c > ' ' && c <= '~' && c != '#'; });
  return plain && !query.empty() ? mark + 1 : std::string_view::npos;
}

bool usable_url(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

/// Only the file, which libcurl then reads once a day for all connections. With its default directory beside
/// it every connection would parse and hold the system's certificates anew: tens of milliseconds and a
/// megabyte each.
void trust(CURL* easy, const std::string& ca_file) {
  if (!ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
  const char* bundle = curl_version_info(CURLVERSION_NOW)->cainfo;
  if (!ca_file.empty() || (bundle != nullptr && access(bundle, R_OK) == 0))
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
}

errc code_of(CURLcode code) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return errc::timed_out;
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CACERT_BADFILE:
      return errc::misconfigured;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return errc::unreachable;
    case CURLE_UNSUPPORTED_PROTOCOL:  // the scheme was checked before: an answer that is not HTTP/1 or /2
    case CURLE_WEIRD_SERVER_REPLY:
      return errc::malformed;
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
      return errc::too_large;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_FAILED_INIT:
      return errc::internal;
    default:
      return errc::connection_lost;
  }
}

}  // namespace

std::string describe(const request& r) {
  std::string_view url = r.url;
  if (const size_t scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("?#"));
  const size_t at = url.substr(0, url.find('/')).rfind('@');
  if (at != std::string_view::npos) url.remove_prefix(at + 1);
  return r.method + " " + std::string{url};
}

/// libcurl 7.88 hands requests to a further HTTP/2 connection that is still on its way through a proxy: they
/// fail, unsent. Connections of HTTP/1.1 are not shared, so none of them is handed out too early.
transfer::transfer(const client_options& options, const proxy_rules& proxies, const socket_hooks& hooks)
    : easy_(curl_easy_init()),
      http2_(options.http2 && !proxies.any_for_https()),
      user_agent_(options.user_agent.empty() ? std::string{} : "User-Agent: " + options.user_agent),
      proxies_(proxies),
      parsed_url_(curl_url()) {
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  // Else a request that ends while its name is being resolved waits for the resolver's thread, on the loop.
  curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_NODELAY, 1L);
  curl_easy_setopt(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_NOPROGRESS, 1L);
  curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, http2_ ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
  trust(easy_, options.ca_file);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_.data());
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &transfer::on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &transfer::on_body);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETFUNCTION, &transfer::on_open_socket);
  curl_easy_setopt(easy_, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy_, CURLOPT_SOCKOPTFUNCTION, hooks.opened);
  curl_easy_setopt(easy_, CURLOPT_SOCKOPTDATA, hooks.context);
  curl_easy_setopt(easy_, CURLOPT_CLOSESOCKETFUNCTION, hooks.close);
  curl_easy_setopt(easy_, CURLOPT_CLOSESOCKETDATA, hooks.context);
}

transfer::~transfer() {
  curl_easy_cleanup(easy_);
  curl_url_cleanup(parsed_url_);
  curl_slist_free_all(header_list_);
}

int transfer::suits(const request& r) const {
  if (url_ == r.url) return 2;
  return r.method == method_ && sends_body(r) == sends_ ? 1 : 0;
}

status transfer::prepare(queued_request q) {
  current_ = std::move(q);
  started_over_ = false;
  forget_answer();
  request& r = current_.what;
  if (auto set = set_url(r); !set) return set;
  set_method(r);
  set_headers(std::move(r.headers), r.body.size() >= expects_from);
  set_proxy(r);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(std::max<int64_t>(1, r.connect_timeout.count())));
  curl_easy_setopt(easy_, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(r.max_response_bytes));
  return ok;
}

// Given parsed, libcurl neither parses the URL again nor prints it for itself, request after request.
status transfer::set_url(const request& r) {
  if (url_ == r.url) return ok;
  if (!usable_url(r.url)) return fail(errc::misconfigured, "the URL must begin with http:// or https://");
  // Most requests differ from the last one in their query alone.
  const size_t query = plain_query(r.url);
  const bool same_place = query != std::string::npos && plain_query(url_) == query &&
                          std::string_view{url_}.substr(0, query) == std::string_view{r.url}.substr(0, query);
  const auto part = same_place ? CURLUPART_QUERY : CURLUPART_URL;
  url_.clear();
  if (curl_url_set(parsed_url_, part, r.url.c_str() + (same_place ? query : 0), 0) != CURLUE_OK)
    return fail(errc::misconfigured, describe(r) + ": not a URL");
  curl_easy_setopt(easy_, CURLOPT_CURLU, parsed_url_);
  // Without it a burst of requests opens a connection each, before the first one has agreed on HTTP/2.
  curl_easy_setopt(easy_, CURLOPT_PIPEWAIT, http2_ && r.url.starts_with("https://") ? 1L : 0L);
  url_ = r.url;
  return ok;
}

/// libcurl would ask the environment for every name at every request, and understands less of it.
void transfer::set_proxy(const request& r) {
  static const std::string none;
  const std::string& proxy = r.no_proxy || !proxies_.any() ? none : proxies_.proxy_for(r.url);
  if (proxy_set_ && proxy == proxy_) return;
  curl_easy_setopt(easy_, CURLOPT_PROXY, proxy.c_str());
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, proxy.empty() ? "*" : "");
  proxy_ = proxy;
  proxy_set_ = true;
}

void transfer::set_method(const request& r) {
  const bool sends = sends_body(r);
  if (sends) {
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(r.body.size()));
    curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, r.body.c_str());
  }
  if (r.method == method_ && sends == sends_) return;
  const CURLoption base = sends ? CURLOPT_POST : (r.method == "HEAD" ? CURLOPT_NOBODY : CURLOPT_HTTPGET);
  curl_easy_setopt(easy_, base, 1L);
  const bool own = r.method == (sends ? "POST" : "GET") || r.method == "HEAD";
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, own ? nullptr : r.method.c_str());
  method_ = r.method;
  sends_ = sends;
}

/// libcurl looks through the list some fifteen times a request: nothing is forbidden there that it would not
/// add.
void transfer::set_headers(std::vector<std::pair<std::string, std::string>> headers, bool large) {
  if (header_list_ != nullptr && headers == headers_ && sends_ == headers_for_body_ &&
      large == headers_for_large_)
    return;
  curl_slist_free_all(header_list_);
  header_list_ = nullptr;
  bool has_type = false;
  std::string line;
  for (const auto& [name, value] : headers) {
    has_type = has_type || lower_case(name) == "content-type";
    line.assign(name).append(value.empty() ? ";" : ": ").append(value);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
    header_list_ = curl_slist_append(header_list_, line.c_str());
  }
  // As one of these headers it is printed once a request; as libcurl's own option twice.
  if (!user_agent_.empty()) header_list_ = curl_slist_append(header_list_, user_agent_.c_str());
  if (large) header_list_ = curl_slist_append(header_list_, "Expect:");
  if (sends_ && !has_type) header_list_ = curl_slist_append(header_list_, "Content-Type:");
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_list_);
  headers_ = std::move(headers);
  headers_for_body_ = sends_;
  headers_for_large_ = large;
}

curl_socket_t transfer::on_open_socket(void* self, curlsocktype, curl_sockaddr* where) {
  const int fd = socket(where->family, where->socktype | SOCK_CLOEXEC, where->protocol);
  if (fd >= 0 && io::may_be_connection(fd)) return fd;
  if (fd >= 0 || io::is_out_of_files(errno)) static_cast<transfer*>(self)->out_of_files_ = true;
  if (fd >= 0) close(fd);
  return CURL_SOCKET_BAD;
}

size_t transfer::on_header(const char* data, size_t size, size_t count, void* self) {
  auto& t = *static_cast<transfer*>(self);
  // Of interim answers and trailers too: libcurl itself takes them without end.
  t.header_bytes_ += size * count;
  if (t.header_bytes_ > max_header_bytes) return 0;
  const std::string_view line = trim({data, size * count});
  if (line.starts_with("HTTP/")) {
    t.answer_.headers.clear();  // an interim answer (100, 103) came before
    t.headers_complete_ = false;
  }
  if (line.empty()) t.headers_complete_ = true;
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  if (t.answer_.headers.empty()) t.answer_.headers.reserve(usual_headers);
  t.answer_.headers.emplace_back(lower_case(line.substr(0, colon)), trim(line.substr(colon + 1)));
  return size * count;
}

size_t transfer::on_body(const char* data, size_t size, size_t count, void* self) {
  auto& t = *static_cast<transfer*>(self);
  const size_t bytes = size * count;
  auto& body = t.answer_.body;
  if (body.size() + bytes > t.current_.what.max_response_bytes) {
    t.too_large_ = true;
    return 0;
  }
  if (body.empty()) {
    curl_off_t length = -1;
    curl_easy_getinfo(t.easy_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length > 0) body.reserve(static_cast<size_t>(length));
  }
  body.append(data, bytes);
  return bytes;
}

/// libcurl sends a request again that met a dead connection, at most five times; but it counts them over all
/// requests of a handle, and starts anew only when it has given up.
bool transfer::starts_over(CURLcode code) {
  const bool gave_up = code != CURLE_OK && std::string_view{error_.data()}.starts_with("Connection died");
  if (!gave_up || std::exchange(started_over_, true)) return false;
  forget_answer();
  return true;
}

void transfer::forget_answer() {
  answer_ = {};
  too_large_ = false;
  header_bytes_ = 0;
  out_of_files_ = false;
  headers_complete_ = false;
  error_[0] = '\0';
}

failure transfer::timed_out() const {
  return fail(errc::timed_out, describe(current_.what) + ": no answer within " +
                                   std::to_string(current_.what.total_timeout.count()) + " ms");
}

bool transfer::headers_too_large(CURLcode code) const {
  if (header_bytes_ > max_header_bytes) return true;
  // A single line without end: libcurl has no room for it, and calls that its memory.
  curl_off_t begun = 0;
  curl_easy_getinfo(easy_, CURLINFO_STARTTRANSFER_TIME_T, &begun);
  return code == CURLE_OUT_OF_MEMORY && begun > 0 && !headers_complete_;
}

failure transfer::explain(CURLcode code) const {
  const errc what = code_of(code);
  std::string text = describe(current_.what) + ": ";
  // libcurl's look-up of a name needs files too, and does not say what it lacked.
  if (what == errc::unreachable && (out_of_files_ || io::files_are_used_up()))
    return fail(errc::open_files, text + io::out_of_files_words());
  if (headers_too_large(code))
    return fail(errc::malformed,
                text + "the answer's headers are larger than " + std::to_string(max_header_bytes) + " bytes");
  if (what == errc::too_large) {
    text += "the answer is larger than " + std::to_string(current_.what.max_response_bytes) + " bytes";
  } else {
    // libcurl's own sentence names hosts, ports and time-outs, but repeats parts of a bad URL.
    text += error_[0] != '\0' && code != CURLE_URL_MALFORMAT ? error_.data() : curl_easy_strerror(code);
  }
  return fail(what, std::move(text));
}

result<response> transfer::finish(CURLcode code, io::clock::time_point now) {
  // A connection that ends within the headers is a success to libcurl.
  if (code == CURLE_OK && !headers_complete_) code = CURLE_GOT_NOTHING;
  if (code != CURLE_OK) {
    auto why = explain(too_large_ ? CURLE_FILESIZE_EXCEEDED : code);
    current_.what = {};
    answer_ = {};
    return why;
  }
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  answer_.status = static_cast<int>(status);
  answer_.elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - current_.sent);
  // Of an error the status says enough.
  if (is_encoded(answer_))
    if (auto plain = decode_body(answer_, current_.what.max_response_bytes); !plain && status < 300) {
      auto why = plain.error();
      why.detail = describe(current_.what) + ": " + why.detail;
      current_.what = {};
      answer_ = {};
      return why;
    }
  current_.what = {};
  return std::move(answer_);
}

}  // namespace mw::http

#include "protocol/tls/client_session.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <system_error>

namespace mw::tls {
namespace {

constexpr size_t names_shown = 4;
constexpr size_t read_buffer_bytes = 64u << 10;

/// What belongs to one session beside OpenSSL's state.
struct notes {
  std::string verified_name;
  std::string refusal;  ///< of the certificate; empty: none
};

int notes_index() {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* p, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<notes*>(p); });
  return index;
}

notes* notes_of(const SSL* s) {
  return static_cast<notes*>(SSL_get_ex_data(s, notes_index()));
}

std::string ip_text(const ASN1_OCTET_STRING* address) {
  const unsigned char* b = ASN1_STRING_get0_data(address);
  if (ASN1_STRING_length(address) != 4) return "an IPv6 address";
  return fmt::format("{}.{}.{}.{}", b[0], b[1], b[2], b[3]);
}

std::string common_name(const X509_NAME* name) {
  std::array<char, 128> text{};
  const int n = X509_NAME_get_text_by_NID(name, NID_commonName, text.data(), text.size());
  return n > 0 ? std::string{text.data(), static_cast<size_t>(n)} : "without a name";
}

/// The hosts a certificate is for, the first few of them.
std::string hosts_of(const X509* certificate) {
  std::string hosts;
  auto* all =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  const int count = all ? sk_GENERAL_NAME_num(all) : 0;
  size_t shown = 0;
  for (int i = 0; i < count && shown < names_shown; ++i) {
    const GENERAL_NAME* g = sk_GENERAL_NAME_value(all, i);
    if (g->type != GEN_DNS && g->type != GEN_IPADD) continue;
    if (shown++ > 0) hosts += ", ";
    if (g->type == GEN_IPADD)
      hosts += ip_text(g->d.iPAddress);
    else
      hosts.append(reinterpret_cast<const char*>(ASN1_STRING_get0_data(g->d.dNSName)),
                   static_cast<size_t>(ASN1_STRING_length(g->d.dNSName)));
  }
  GENERAL_NAMES_free(all);
  return hosts.empty() ? common_name(X509_get_subject_name(certificate)) : hosts;
}

std::string day_of(const ASN1_TIME* t) {
  std::tm when{};
  if (ASN1_TIME_to_tm(t, &when) != 1) return "an unreadable date";
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &when);
  return text.data();
}

std::string refusal_words(int error, const X509* certificate, const std::string& verified_name) {
  switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("certificate refused: it is for another host, {} and not {}", hosts_of(certificate),
                         verified_name);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format("certificate refused: it expired on {} (or this machine's clock is wrong)",
                         day_of(X509_get0_notAfter(certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format(
          "certificate refused: it is valid from {} on only (or this machine's clock is wrong)",
          day_of(X509_get0_notBefore(certificate)));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return fmt::format(
          "certificate refused: unknown authority ({}); add that to the system's or name its file in ca-file",
          common_name(X509_get_issuer_name(certificate)));
    default:
      return fmt::format("certificate refused: {}", X509_verify_cert_error_string(error));
  }
}

/// OpenSSL forgets a refused certificate at once, so what is to be said about it is written down here.
int on_verify(int good, X509_STORE_CTX* store) {
  if (good == 1) return 1;
  const auto* s = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  notes* n = s ? notes_of(s) : nullptr;
  const X509* certificate = X509_STORE_CTX_get_current_cert(store);
  if (n && certificate && n->refusal.empty())
    n->refusal = refusal_words(X509_STORE_CTX_get_error(store), certificate, n->verified_name);
  return 0;
}

std::string last_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "connection ended";
  if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
    switch (ERR_GET_REASON(code)) {
      case SSL_R_WRONG_VERSION_NUMBER:
      case SSL_R_HTTP_REQUEST:
        return "the server does not speak TLS on this port";
      case SSL_R_UNSUPPORTED_PROTOCOL:
      case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "the server offers no TLS 1.2 or newer";
      case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return "the server asks for a client certificate, and there is none";
      default:
        break;
    }
  }
  if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "error " + std::to_string(code);
}

}  // namespace

void session_free::operator()(SSL* s) const {
  SSL_free(s);
}

result<context> make_context(const std::string& ca_file) {
  ERR_clear_error();
  const context c{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  if (!c) return fail(errc::internal, "TLS: " + last_error());
  SSL_CTX_set_min_proto_version(c.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(c.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(c.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_read_buffer_len(c.get(), read_buffer_bytes);
  SSL_CTX_set_verify(c.get(), SSL_VERIFY_PEER, on_verify);
  const bool loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(c.get()) == 1
                                      : SSL_CTX_load_verify_locations(c.get(), ca_file.c_str(), nullptr) == 1;
  if (!loaded)
    return fail(errc::misconfigured, "TLS: cannot read certificates from '" + ca_file + "': " + last_error());
  return c;
}

result<session> make_session(const context& c, const std::string& verified_name) {
  ERR_clear_error();
  session s{SSL_new(c.get())};
  if (!s) return fail(errc::internal, "TLS: " + last_error());
  SSL_set_ex_data(s.get(), notes_index(), new notes{verified_name, {}});
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s.get()), verified_name.c_str()) != 1) {
    ERR_clear_error();
    // A name, not an address: verified against the certificate, and sent as SNI.
    if (SSL_set1_host(s.get(), verified_name.c_str()) != 1)
      return fail(errc::misconfigured, "TLS: '" + verified_name + "' is no host name");
    std::string name = verified_name;
    SSL_ctrl(s.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
  }
  SSL_set_connect_state(s.get());
  return s;
}

std::string explain(SSL* s) {
  const notes* n = notes_of(s);
  std::string error = last_error();
  return n && !n->refusal.empty() ? n->refusal : error;
}

}  // namespace mw::tls

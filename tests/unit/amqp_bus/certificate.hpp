// A self-signed certificate for one DNS name, in files that live as long as the object.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace mw::amqp::test {

class certificate {
 public:
  /// Seconds from now; by default from an hour ago to in an hour.
  explicit certificate(const std::string& dns_name, long from = -3600, long until = 3600) {
    EVP_PKEY* pair = EVP_EC_gen("P-256");
    X509* x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), from);
    X509_gmtime_adj(X509_getm_notAfter(x), until);
    X509_set_pubkey(x, pair);
    X509_NAME* name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(dns_name.c_str()), -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION* san =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + dns_name).c_str());
    X509_add_ext(x, san, -1);
    X509_EXTENSION_free(san);
    X509_sign(x, pair, EVP_sha256());
    cert_file = write([&](FILE* f) { PEM_write_X509(f, x); });
    key_file = write([&](FILE* f) { PEM_write_PrivateKey(f, pair, nullptr, nullptr, 0, nullptr, nullptr); });
    X509_free(x);
    EVP_PKEY_free(pair);
  }
  ~certificate() {
    unlink(cert_file.c_str());
    unlink(key_file.c_str());
  }
  certificate(const certificate&) = delete;
  certificate& operator=(const certificate&) = delete;

  std::string cert_file;
  std::string key_file;

 private:
  template <class F>
  static std::string write(F put) {
    std::string path = "/tmp/mw-test-cert-XXXXXX";
    FILE* f = fdopen(mkstemp(path.data()), "w");
    put(f);
    fclose(f);
    return path;
  }
};

}  // namespace mw::amqp::test

// A real HTTP/2 server over TLS: nginx on a free port of the loopback, in front of a plain HTTP server of the
// test. Tells that server which of its connections a request came by (X-Connection) and in which protocol
// (X-Protocol). `directives`: more for its http block. Gone with the object, and with the test program
// however that ends.
#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/unit/free_port.hpp"
#include "tests/unit/http/raw_peer.hpp"

namespace mw::http::testing {

class nginx {
 public:
  nginx(uint16_t behind, const std::string& certificate, const std::string& key, std::string directives = {})
      : directives_(std::move(directives)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "mw-nginx-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    for (int attempt = 0; attempt < 3 && pid_ <= 0; ++attempt) start(behind, certificate, key);
    REQUIRE_MESSAGE(pid_ > 0, "nginx did not start (is the package nginx installed?)");
  }
  ~nginx() {
    end();
    std::filesystem::remove_all(folder_);
  }
  nginx(const nginx&) = delete;
  nginx& operator=(const nginx&) = delete;

  uint16_t port() const { return port_; }

 private:
  void write_configuration(uint16_t behind, const std::string& certificate, const std::string& key) const {
    std::ofstream out{folder_ + "/nginx.conf"};
    out << "daemon off; master_process off; pid nginx.pid; error_log error.log;\n"
        << "events { worker_connections 1024; }\n"
        << "http { access_log off;\n";
    for (const auto* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
      out << kind << "_temp_path " << kind << ";\n";
    out << directives_ << "\nserver { listen 127.0.0.1:" << port_ << " ssl http2;\n"
        << "ssl_certificate " << certificate << "; ssl_certificate_key " << key << ";\n"
        << "location / { proxy_pass http://127.0.0.1:" << behind
        << "; proxy_set_header X-Connection $connection;\n"
        << "proxy_set_header X-Protocol $server_protocol; } } }\n";
  }

  void start(uint16_t behind, const std::string& certificate, const std::string& key) {
    port_ = mw::testing::free_port();
    write_configuration(behind, certificate, key);
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (const char* program : {"/usr/sbin/nginx", "nginx"})
        execlp(program, "nginx", "-p", folder_.c_str(), "-c", "nginx.conf", "-e", "error.log", nullptr);
      _exit(127);
    }
    for (int i = 0; i < 1'000; ++i) {
      if (raw_peer{port_}.connected()) return;
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        return;
      }
      poll(nullptr, 0, 10);
    }
    end();
  }

  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  const std::string directives_;
  std::string folder_;
  uint16_t port_ = 0;
  int pid_ = -1;
};

}  // namespace mw::http::testing

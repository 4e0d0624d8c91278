#include "proxy/config/keyword_texts.hpp"

namespace tandem::config {
namespace {

constexpr auto kTandem = Origin::Tandem;

constexpr KeywordText kCommon[] = {
    {"delay_loop", "", "as in real_server", "Time from one attempt to the next."},
    {"connect_timeout", "", "as in real_server", "For the whole exchange."},
    {"retry", "", "as in real_server",
     "Attempts after a failure before the server is down. The very first failure ever is enough."},
    {"nb_get_retry", "", "as retry", "An older name of retry."},
    {"delay_before_retry", "", "as in real_server", "Time between these attempts."},
    {"warmup", "", "as in real_server",
     "The first attempt comes at a moment drawn from zero to this."},
    {"alpha", "", "as in real_server", "Down until the first success."},
    {"rise", "", "as in real_server", "Successes in a row that make it up.", kTandem},
    {"fall", "", "as in real_server", "Failures in a row that make it down.", kTandem},
    {"connect_ip", "", "the server's", "Where to connect instead."},
    {"connect_port", "", "the server's", "Where to connect instead."},
    {"bindto", "", "the kernel's choice, never a virtual one",
     "Which of the node's own addresses to connect from."},
};

constexpr KeywordText kTcp[] = {
    {"send", "TEXT", "nothing", R"(Says this first. \r \n \t \0 \\ and \xHH are known.)", kTandem},
    {"expect", "TEXT", "nothing", "Passes when the answer has this text in its first 64 KiB.",
     kTandem},
};

constexpr KeywordText kHttp[] = {
    {"url", "{ ... }", "one for /",
     "A page; several are asked for one after another, and all must pass."},
    {"http_protocol", "1.0|1.1", "1.0", "Version of the requests."},
    {"virtualhost", "NAME", "as in real_server", "The host that is asked for."},
    {"sni_name", "NAME", "the virtualhost", "SSL_GET: the name in the TLS hello."},
};

constexpr KeywordText kUrl[] = {
    {"path", "PATH", "/", "What is asked for."},
    {"status_code", "CODE...", "200-299", "Codes and ranges that pass."},
    {"digest", "MD5", "any", "MD5 of the body, as genhash prints it."},
    {"virtualhost", "NAME", "that of the check", "The host that is asked for."},
    {"regex", "EXPRESSION", "none",
     "Must be found in the first 64 KiB of the body. Perl-compatible."},
    {"regex_no_match", "", "off", "Must not be found."},
    {"regex_options", "caseless dotall multiline extended dollar_endonly", "none",
     "How the expression is meant."},
    {"regex_min_offset", "", "0", "The match begins here or later."},
    {"regex_max_offset", "", "no limit", "The match begins here or earlier."},
};

constexpr KeywordText kProgram[] = {
    {"misc_path", "\"PROGRAM ARGUMENTS\"", "",
     "Run without a shell; exit code 0 passes. Required."},
    {"misc_timeout", "", "as delay_loop", "After so long the program is ended and has failed."},
    {"misc_dynamic", "", "off", "Exit codes 2 to 255 pass, too, and set the weight to two less."},
    {"user", "USER [GROUP]", "script_user", "Who runs it."},
};

constexpr KeywordText kSmtp[] = {
    {"helo_name", "NAME", "the node's address in brackets", "What HELO says."},
    {"host", "{ ... }", "the server itself", "Another place to ask; each is a check of its own."},
};

constexpr KeywordText kSmtpHost[] = {
    {"connect_timeout", "", "as in the check", "For the whole exchange."},
    {"connect_ip", "", "the server's", "Where to connect instead."},
    {"connect_port", "", "the server's", "Where to connect instead."},
    {"bindto", "", "as in the check", "Which of the node's own addresses to connect from."},
};

constexpr KeywordText kDns[] = {
    {"type", "A|NS|CNAME|SOA|MX|TXT|AAAA|RRSIG|DNSKEY", "SOA", "Type of the question."},
    {"name", "NAME", ".", "What is asked for."},
};

constexpr KeywordText kUdp[] = {
    {"payload", "HEX...", "random bytes", "What is sent."},
    {"require_reply", "[HEX...]", "off", "An answer must come and begin so; x is any digit."},
    {"min_reply_length", "", "0", "Bytes that the answer has at least."},
    {"max_reply_length", "", "255", "Bytes that the answer has at most."},
};

constexpr KeywordText kFile[] = {
    {"track_file", "NAME", "", "Whose number counts. Required."},
    {"weight", "NUMBER [reverse]", "that of the track_file",
     "The number times this is added to the server's weight. 0: any number but 0 takes it down."},
};

constexpr BlockText kBlocks[] = {
    {"checks", kCommon},   {"TCP_CHECK", kTcp},      {"HTTP_GET, SSL_GET", kHttp},
    {"url", kUrl},         {"MISC_CHECK", kProgram}, {"SMTP_CHECK", kSmtp},
    {"host", kSmtpHost},   {"DNS_CHECK", kDns},      {"UDP_CHECK", kUdp},
    {"FILE_CHECK", kFile},
};

}  // namespace

std::span<const BlockText> check_texts() {
    return kBlocks;
}

}  // namespace tandem::config

#include "proxy/daemon/options.hpp"

#include <sstream>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/variables_map.hpp>

namespace tandem::daemon {
namespace {

namespace po = boost::program_options;

/// Between the guardian and its node; not for people.
po::options_description describe_internal(Options& options) {
    po::options_description description;
    auto add = description.add_options();
    add("guardian-channel", po::value(&options.guardian_channel));
    add("guardian-restarts", po::value(&options.guardian_restarts));
    return description;
}

po::options_description describe(Options& options, std::string& log_format,
                                 std::string& check_format) {
    po::options_description description("Options");
    auto add = description.add_options();
    add("use-file,f", po::value(&options.config_path)->value_name("FILE"),
        "configuration file (/etc/tandem/tandem.conf)");
    add("config-test,t", po::bool_switch(&options.check_only),
        "check the configuration and exit: 0 clean, 4 cannot run, 5 errors it would survive, "
        "6 script security");
    add("check-format", po::value(&check_format)->value_name("text|json")->default_value("text"),
        "form of the messages of -t, and of what --explain prints");
    add("explain", po::value(&options.explain)->value_name("KEYWORD"),
        "describe a keyword of the configuration, or the keywords of a block, and exit; all: every "
        "block and the number of keywords");
    add("config-id,i", po::value(&options.config_id)->value_name("ID"),
        "keep `@ID` lines of the configuration (host name)");
    add("dont-fork,n", po::bool_switch(&options.foreground), "stay in the foreground");
    add("log-console,l", po::bool_switch(&options.log_to_console),
        "log to standard error instead of syslog");
    add("log-detail,D", po::bool_switch(&options.log_detail), "log debug messages too");
    add("log-format", po::value(&log_format)->value_name("text|json")->default_value("text"),
        "form of the log lines");
    add("run-dir", po::value(&options.run_directory)->value_name("DIR"),
        "where the control socket is (/run/tandem)");
    add("no-guardian", po::bool_switch(&options.no_guardian),
        "one process that nobody watches or restarts, for a debugger");
    add("help,h", po::bool_switch(&options.help), "this text");
    add("version,v", po::bool_switch(&options.version), "print the version");
    return description;
}

std::string choose_json(const std::string& name, const std::string& value, bool& json) {
    json = value == "json";
    return json || value == "text" ? std::string{}
                                   : "--" + name + " takes text or json, not '" + value + "'";
}

}  // namespace

ParsedOptions parse_options(const std::vector<std::string>& arguments) {
    ParsedOptions parsed;
    std::string log_format;
    std::string check_format;
    auto description = describe(parsed.options, log_format, check_format);
    description.add(describe_internal(parsed.options));
    po::variables_map values;
    try {
        // No guessing: an abbreviation that is unique today may not be tomorrow.
        constexpr int kStyle =
            po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
        po::store(po::command_line_parser(arguments)
                      .options(description)
                      .positional({})
                      .style(kStyle)
                      .run(),
                  values);
        po::notify(values);
    } catch (const po::error& error) {
        parsed.error = error.what();
        return parsed;
    }
    parsed.error = choose_json("log-format", log_format, parsed.options.log_json);
    if (parsed.error.empty()) {
        parsed.error = choose_json("check-format", check_format, parsed.options.check_json);
    }
    if (parsed.error.empty() && values.count("explain") != 0 && parsed.options.explain.empty()) {
        parsed.error = "--explain takes a keyword; all lists them";
    }
    return parsed;
}

std::string usage() {
    Options options;
    std::string log_format;
    std::string check_format;
    std::ostringstream out;
    out << "tandemd " TANDEM_VERSION ": TCP proxy and VRRP router for a pair of hosts\n"
        << "usage: tandemd -f FILE [-t] [-i ID] [-n] [-l] [-D] [--run-dir DIR] "
           "[--log-format text|json]\n"
        << "       tandemd --explain KEYWORD\n\n"
        << describe(options, log_format, check_format);
    return out.str();
}

}  // namespace tandem::daemon

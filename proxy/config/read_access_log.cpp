#include "proxy/config/read_access_log.hpp"

namespace tandem::config {

using relay::AccessLogConfig;

void read_access_log(AccessLogDraft& draft, const Value& value) {
    AccessLogConfig::Target target = AccessLogConfig::Target::File;
    if (value.word == "off") {
        target = AccessLogConfig::Target::Off;
    } else if (value.word == "syslog") {
        target = AccessLogConfig::Target::Syslog;
    } else if (!value.word.starts_with('/')) {
        value.reporter.error(value.at, "access_log: '" + value.word + "' is ignored",
                             "write the absolute path of a file, syslog or off");
        return;
    }
    draft.at = value.at;
    draft.target = target;
    draft.file = target == AccessLogConfig::Target::File ? value.word : std::string();
}

void read_access_log_format(AccessLogDraft& draft, const Value& value) {
    if (value.word == "text") {
        draft.format = AccessLogConfig::Format::Text;
    } else if (value.word == "json") {
        draft.format = AccessLogConfig::Format::Json;
    } else {
        value.reporter.error(value.at, "access_log_format: '" + value.word + "' is ignored",
                             "write text or json");
    }
}

AccessLogConfig build_access_log(const AccessLogDraft& global, const AccessLogDraft& service) {
    AccessLogConfig config;
    const AccessLogDraft& where = service.target ? service : global;
    config.target = where.target.value_or(config.target);
    config.file = where.file;
    config.format = service.format.value_or(global.format.value_or(config.format));
    return config;
}

}  // namespace tandem::config

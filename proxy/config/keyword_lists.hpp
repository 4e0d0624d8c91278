// The keyword tables that the readers use, block by block, for those who describe them
// (keyword_catalog.hpp). A table that is missing here fails tests/lint.
#pragma once

#include "proxy/config/keyword.hpp"

namespace tandem::config {

/// On any line.
KeywordList include_keywords();
KeywordList root_keywords();
KeywordList global_keywords();
KeywordList instance_keywords();
/// Options of the lines of virtual_ipaddress.
KeywordList address_keywords();
/// Options of the lines of virtual_routes.
KeywordList route_keywords();
KeywordList authentication_keywords();
KeywordList hmac_keywords();
KeywordList group_keywords();
KeywordList script_keywords();
KeywordList track_file_keywords();
KeywordList track_process_keywords();
KeywordList service_keywords();
KeywordList upstream_keywords();
/// What every check may contain.
KeywordList check_keywords();
// What only these may contain.
KeywordList tcp_check_keywords();
KeywordList http_check_keywords();
KeywordList url_keywords();
KeywordList program_check_keywords();
KeywordList smtp_check_keywords();
/// Of host in SMTP_CHECK.
KeywordList smtp_host_keywords();
KeywordList dns_check_keywords();
KeywordList udp_check_keywords();
KeywordList file_check_keywords();

}  // namespace tandem::config

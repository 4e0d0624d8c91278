// FILE_CHECK: a number in a file that says how an upstream is. Shell.
#pragma once

#include "proxy/daemon/file_content.hpp"
#include "proxy/relay/probe.hpp"

#include <memory>

#include <boost/asio/io_context.hpp>

namespace tandem::daemon {

/// What a file means: see relay::FileCheck. A file that is not there, cannot be read, is no regular
/// one or has no number has the value 0, as for an instance that tracks it. One that could not be
/// opened for want of descriptors or memory says nothing (I6). Pure.
relay::ProbeResult result_of(const FileContent& content, const relay::FileCheck& check);

/// Use on the io_context's thread.
std::unique_ptr<relay::Probe> make_file_probe(boost::asio::io_context& context,
                                              const relay::FileCheck& check);

}  // namespace tandem::daemon

// MISC_CHECK: a program that says with its exit code how an upstream is. Shell.
#pragma once

#include "proxy/config/model.hpp"
#include "proxy/daemon/program.hpp"
#include "proxy/relay/probe.hpp"

#include <memory>

#include <boost/asio/io_context.hpp>

namespace tandem::daemon {

/// What the end of the program means: 0 passed, 1 failed, and with `sets_weight` 2..255 passed with
/// a weight of two less; everything else failed. A program that could not be started for want of
/// memory or processes says nothing (I6). Pure.
relay::ProbeResult result_of(const ProgramEnd& end, bool timed_out,
                             const relay::ProgramCheck& check);

/// Use on the io_context's thread.
std::unique_ptr<relay::Probe> make_program_probe(boost::asio::io_context& context,
                                                 const config::Command& command,
                                                 const relay::ProgramCheck& check);

}  // namespace tandem::daemon

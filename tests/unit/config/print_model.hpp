// The model as text, for comparison with golden files.
#pragma once

#include "proxy/config/model.hpp"

#include <string>

namespace tandem::config::test {

/// Every field of the model, one statement per line, for golden files.
std::string print_model(const Model& model);

}  // namespace tandem::config::test

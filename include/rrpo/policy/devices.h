// Several devices of one machine that do the same work in one process.
#pragma once

#include <string>
#include <vector>

#include "rrpo/policy/policy.h"

namespace rrpo::policy {

/// The field `devices` at `at`: auto, or a number from 1 on. Throws Error(usage) for anything else.
void check_devices(const std::string& at, const std::string& devices);

/// The devices of a process: where `device` leaves the GPU open (auto, cuda) and there is one, `devices` of them (auto: all
/// that are visible); a process that a launcher has started has one, its own. Else the one that `device` names. Throws as
/// resolve_device, and Error(environment, "device") for more than there are.
std::vector<std::string> resolve_devices(const std::string& device, const std::string& devices);

/// The same model on each of these devices. The files are read once and served from memory to those that follow.
std::vector<Policy> open_policies(const ModelConfig& config, const std::vector<std::string>& devices);

/// What a stream of answers asks for.
std::vector<const Policy*> pointers(const std::vector<Policy>& policies);

}  // namespace rrpo::policy

// SPDX-License-Identifier: GPL-2.0-only
#include "core/status.h"

#include <cerrno>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

constexpr char errno_payload[] = "iommulab/errno";

absl::StatusCode code_of(int error) {
  switch (error) {
    case ENOMEM:
    case ENOSPC:
      return absl::StatusCode::kResourceExhausted;
    case ENOENT:
    case ENODEV:
      return absl::StatusCode::kNotFound;
    case EINVAL:
      return absl::StatusCode::kInvalidArgument;
    case EPERM:
      return absl::StatusCode::kPermissionDenied;
    case EEXIST:
    case EBUSY:
      return absl::StatusCode::kAlreadyExists;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status errno_status(int error, std::string_view sentence) {
  absl::Status status(code_of(error), absl::string_view(sentence.data(), sentence.size()));
  status.SetPayload(errno_payload, absl::Cord(std::to_string(error)));
  return status;
}

int status_errno(const absl::Status& status) {
  if (status.ok()) return 0;
  int error = EIO;
  if (const auto payload = status.GetPayload(errno_payload)) {
    if (!absl::SimpleAtoi(std::string(*payload), &error)) return EIO;
  }
  return error;
}

absl::Status input_error(std::string_view file, uint64_t offset, std::string_view field,
                         std::string_view value, std::string_view why) {
  return errno_status(
      EINVAL, absl::StrFormat("%s: offset 0x%x: %s is %s: %s", file, offset, field, value, why));
}

}  // namespace iommulab

// SPDX-License-Identifier: GPL-2.0-only
#include "core/sysfs.h"

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace iommulab {
namespace {

/// The kernel's MAXSYMLINKS: more links than this on one path are a loop.
constexpr int max_links = 40;

/// The components of a path; empty ones and "." vanish, ".." is not used inside the tree.
std::vector<std::string_view> components(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const size_t end = path.find('/');
    const std::string_view part = path.substr(0, end);
    if (!part.empty() && part != ".") parts.push_back(part);
    path = end == std::string_view::npos ? std::string_view() : path.substr(end + 1);
  }
  return parts;
}

absl::Status path_error(int error, std::string_view path, std::string_view why) {
  return errno_status(error, absl::StrFormat("sysfs: %s: %s", path, why));
}

}  // namespace

struct sysfs_tree::node {
  node_kind kind = node_kind::directory;
  std::map<std::string, std::unique_ptr<node>, std::less<>> children;
  show_function show;
  store_function store;
  std::string target;

  [[nodiscard]] node* child(std::string_view name) const {
    const auto it = children.find(name);
    return it == children.end() ? nullptr : it->second.get();
  }
};

sysfs_tree::sysfs_tree() : root_(std::make_unique<node>()) {}
sysfs_tree::~sysfs_tree() = default;

sysfs_tree::node* sysfs_tree::find(std::string_view path, bool follow_last) const {
  std::string rest_storage;
  std::vector<std::string_view> parts = components(path);
  int links = 0;
  node* at = root_.get();
  for (size_t i = 0; i < parts.size(); ++i) {
    node* next = at->child(parts[i]);
    if (next == nullptr) return nullptr;
    const bool last = i + 1 == parts.size();
    if (next->kind != node_kind::link || (last && !follow_last)) {
      at = next;
      continue;
    }
    if (++links > max_links) return nullptr;
    // The link's target is a path from the root; what followed the link follows the target.
    std::string joined = next->target;
    for (size_t k = i + 1; k < parts.size(); ++k)
      absl::StrAppend(&joined, "/", std::string(parts[k]));
    rest_storage = std::move(joined);
    parts = components(rest_storage);
    at = root_.get();
    i = static_cast<size_t>(-1);
  }
  return at;
}

absl::StatusOr<sysfs_tree::node*> sysfs_tree::add(std::string_view path) {
  const size_t slash = path.rfind('/');
  const std::string_view parent_path =
      slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (name.empty()) return path_error(EINVAL, path, "the name is empty");
  node* parent = find(parent_path, true);
  if (parent == nullptr) return path_error(ENOENT, path, "the directory above does not exist");
  if (parent->kind != node_kind::directory) {
    return path_error(ENOTDIR, path, "the node above is not a directory");
  }
  if (parent->child(name) != nullptr) return path_error(EEXIST, path, "the name is taken");
  return (parent->children[std::string(name)] = std::make_unique<node>()).get();
}

absl::Status sysfs_tree::create_directory(std::string_view path) {
  const std::vector<std::string_view> parts = components(path);
  if (parts.empty()) return path_error(EEXIST, path, "the root exists");
  node* at = root_.get();
  bool made = false;
  for (const std::string_view part : parts) {
    node* next = at->child(part);
    made = next == nullptr;
    if (made) next = (at->children[std::string(part)] = std::make_unique<node>()).get();
    if (next->kind != node_kind::directory) {
      return path_error(&part == &parts.back() ? EEXIST : ENOTDIR, path,
                        absl::StrFormat("%s is not a directory", part));
    }
    at = next;
  }
  if (!made) return path_error(EEXIST, path, "the name is taken");
  return absl::OkStatus();
}

absl::Status sysfs_tree::create_file(std::string_view path, show_function show,
                                     store_function store) {
  absl::StatusOr<node*> file = add(path);
  if (!file.ok()) return file.status();
  (*file)->kind = node_kind::file;
  (*file)->show = std::move(show);
  (*file)->store = std::move(store);
  return absl::OkStatus();
}

absl::Status sysfs_tree::create_link(std::string_view path, std::string_view target) {
  if (find(target, true) == nullptr) {
    return path_error(ENOENT, path, absl::StrFormat("the target %s does not exist", target));
  }
  absl::StatusOr<node*> link = add(path);
  if (!link.ok()) return link.status();
  (*link)->kind = node_kind::link;
  (*link)->target = std::string(target);
  return absl::OkStatus();
}

absl::Status sysfs_tree::remove(std::string_view path) {
  const size_t slash = path.rfind('/');
  const std::string_view parent_path =
      slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  node* parent = find(parent_path, true);
  if (parent == nullptr) return path_error(ENOENT, path, "the directory above does not exist");
  const auto it =
      parent->children.find(slash == std::string_view::npos ? path : path.substr(slash + 1));
  if (it == parent->children.end()) return path_error(ENOENT, path, "there is no such node");
  parent->children.erase(it);
  return absl::OkStatus();
}

bool sysfs_tree::exists(std::string_view path) const {
  return find(path, false) != nullptr;
}

absl::StatusOr<sysfs_tree::node_kind> sysfs_tree::kind(std::string_view path) const {
  const node* n = find(path, false);
  if (n == nullptr) return path_error(ENOENT, path, "there is no such node");
  return n->kind;
}

absl::StatusOr<std::vector<std::string>> sysfs_tree::list(std::string_view path) const {
  const node* n = find(path, true);
  if (n == nullptr) return path_error(ENOENT, path, "there is no such node");
  if (n->kind != node_kind::directory) return path_error(ENOTDIR, path, "this is not a directory");
  std::vector<std::string> names;
  names.reserve(n->children.size());
  for (const auto& [name, child] : n->children) names.push_back(name);
  return names;
}

absl::StatusOr<std::string> sysfs_tree::read(std::string_view path) const {
  const node* n = find(path, true);
  if (n == nullptr) return path_error(ENOENT, path, "there is no such node");
  if (n->kind != node_kind::file) return path_error(EISDIR, path, "this is a directory");
  if (!n->show) return path_error(EACCES, path, "the file cannot be read");
  return n->show();
}

absl::Status sysfs_tree::write(std::string_view path, std::string_view content) {
  const node* n = find(path, true);
  if (n == nullptr) return path_error(ENOENT, path, "there is no such node");
  if (n->kind != node_kind::file) return path_error(EISDIR, path, "this is a directory");
  if (!n->store) return path_error(EACCES, path, "the file cannot be written");
  // The write may remove the file it came through (a device's "remove").
  const store_function store = n->store;
  return store(content);
}

absl::StatusOr<std::string> sysfs_tree::read_link(std::string_view path) const {
  const node* n = find(path, false);
  if (n == nullptr) return path_error(ENOENT, path, "there is no such node");
  if (n->kind != node_kind::link) return path_error(EINVAL, path, "this is not a link");
  const std::vector<std::string_view> from = components(path);
  const std::vector<std::string_view> to = components(n->target);
  size_t common = 0;
  while (common + 1 < from.size() && common < to.size() && from[common] == to[common]) ++common;
  std::string relative;
  for (size_t i = common; i + 1 < from.size(); ++i) relative += "../";
  for (size_t i = common; i < to.size(); ++i) {
    if (i != common) relative += '/';
    relative += to[i];
  }
  return relative;
}

}  // namespace iommulab

// SPDX-License-Identifier: GPL-2.0-only
//
// Translation under the sanitizer's eyes: the same answer, and a look at the caches before and
// after to see where it came from.
#include "platform/vtd/interrupt_range.h"
#include "platform/vtd/sanitizer/unit_sanitizer.h"
#include "platform/vtd/spec/registers.h"
#include "platform/vtd/unit.h"

namespace iommulab {

void vtd_unit::set_sanitizer(unit_sanitizer* sanitizer) {
  caches_.sanitizer = sanitizer;
  walker_.set_sanitizer(sanitizer);
  if (sanitizer == nullptr) return;
  sanitizer->root_latched(root_table_);
  sanitizer->translation_switched(translation_enabled_);
}

dma_translation vtd_unit::translate_watched(const dma_request& request) {
  unit_sanitizer& sanitizer = *caches_.sanitizer;
  const uint16_t source = request.source.requester_id();
  const bool translated_before = request.type == address_type::translated;

  const auto cached_translation = [&](const context* ctx) -> std::optional<iotlb_entry> {
    const bool walks = ctx != nullptr && !ctx->failed() && !translated_before &&
                       ctx->type != vtd::translation_type::pass_through &&
                       (request.type == address_type::untranslated ||
                        ctx->type == vtd::translation_type::device_tlb) &&
                       request.address <= ctx->address_limit &&
                       !in_interrupt_range(request.address);
    return walks ? caches_.iotlb.find(ctx->domain, request.address) : std::nullopt;
  };
  const auto hit = cached_translation(caches_.contexts.find(source));
  const dma_translation result = translate_unwatched(request);
  if (!translation_enabled_ || result.outcome == dma_outcome::interrupt) return result;

  const context* ctx = caches_.contexts.find(source);
  if (ctx == nullptr) return result;  // nothing came from a cache, and nothing was left in one
  sanitizer.context_used(request.source, *ctx);
  if (ctx->failed()) return result;
  if (translated_before) {
    if (result.ok()) sanitizer.device_tlb_used(request);
    return result;
  }
  const auto entry = hit ? hit : cached_translation(ctx);
  if (entry) sanitizer.translation_used(request, *ctx, *entry, hit.has_value());
  if (request.type == address_type::translation_request) {
    sanitizer.device_tlb_filled(request, ctx->domain, result);
  }
  return result;
}

}  // namespace iommulab

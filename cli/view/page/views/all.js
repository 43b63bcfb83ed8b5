// SPDX-License-Identifier: GPL-2.0-only
//
// The views of the machine, in the order of their tabs.

import { caches } from "./caches.js";
import { devices } from "./devices.js";
import { figure } from "./figure.js";
import { firmware } from "./firmware.js";
import { iova } from "./iova.js";
import { log } from "./log.js";
import { memory } from "./memory.js";
import { queue } from "./queue.js";
import { registers } from "./registers.js";
import { stagesView } from "./stages.js";
import { structures } from "./structures.js";
import { tablesView } from "./tables.js";

export const VIEWS = [figure, firmware, devices, iova, registers, tablesView, caches, stagesView, queue, memory, structures, log];

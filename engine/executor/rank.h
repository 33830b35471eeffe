#pragma once
// One thread, one device: load, run step plans, sample.

#pragma once
// One machine of the cluster: supervises its executor, owns accepted asks.

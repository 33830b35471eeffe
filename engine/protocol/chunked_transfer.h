#pragma once
// Receiving an upload: chunks in order, a bound on what is on its way, the digest checked at the end.

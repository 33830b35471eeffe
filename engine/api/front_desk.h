#pragma once
// The head's service for clients.

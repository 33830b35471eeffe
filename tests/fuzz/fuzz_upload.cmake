argus_fuzzer(fuzz_upload NEEDS argus::protocol)

argus_fuzzer(fuzz_frames NEEDS argus::protocol)

argus_fuzzer(fuzz_config NEEDS argus::model)

argus_fuzzer(fuzz_safetensors NEEDS argus::tensor)

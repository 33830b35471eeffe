argus_fuzzer(fuzz_tokenizer NEEDS argus::text)

//! One object, unless a provider has its own.

use crate::shard::{Shards, copies};

#[test]
fn without_a_word_there_is_one_object_for_all() {
    let one = Shards::of(" , ");
    assert_eq!(one, Shards::default());
    assert_eq!((one.object(None), one.object(Some("groq"))), ("pool".to_owned(), "pool".to_owned()));
    assert!(one.holds("pool", "groq"));
    assert_eq!(one.objects().collect::<Vec<_>>(), ["pool"]);
    assert_eq!(copies("pool"), "account/");
}

#[test]
fn a_provider_has_its_own_by_any_of_its_names_and_no_account_is_in_two() {
    let two = Shards::of("GROQ, gemini,groq");
    assert_eq!(two.objects().collect::<Vec<_>>(), ["pool", "pool/google", "pool/groq"]);
    for (provider, object) in
        [(None, "pool"), (Some("openai"), "pool"), (Some("groq"), "pool/groq"), (Some("Gemini"), "pool/google")]
    {
        assert_eq!(two.object(provider), object);
    }
    for provider in ["openai", "groq", "google"] {
        assert_eq!(two.objects().filter(|object| two.holds(object, provider)).count(), 1, "{provider}");
    }
    let copied: Vec<String> = two.objects().map(|object| copies(&object)).collect();
    assert_eq!(copied, ["account/", "shard/google/account/", "shard/groq/account/"]);
}

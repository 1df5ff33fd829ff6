//! Every view and every state is explained, and what texts name is there.

use std::collections::BTreeSet;

use super::*;
use crate::window::catalogue::ENTRIES;
use crate::window::command::Command;

#[test]
fn texts_parse_and_every_view_and_state_has_one() {
    let articles: Vec<Article> = ron::from_str(ARTICLES).unwrap();
    let ids: BTreeSet<&str> = articles.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(ids.len(), articles.len());
    for id in VIEWS {
        assert!(ids.contains(id), "{id} has no article");
    }
    let meanings: BTreeMap<String, Meaning> = ron::from_str(MEANINGS).unwrap();
    for state in RowState::ALL {
        assert!(meanings.contains_key(state.name()), "{} is not explained", state.name());
    }
    assert_eq!(meanings.len(), RowState::COUNT, "a text is about no state");
    assert_eq!(states().count(), RowState::COUNT);
}

#[test]
fn what_articles_name_is_there() {
    for article in articles() {
        let at = &article.id;
        assert!(!article.title.is_empty() && !article.about.is_empty(), "{at}");
        for id in &article.see {
            assert!(super::article(id).is_some() && id != at, "{at} names {id}");
        }
        for name in &article.states {
            assert!(RowState::from_name(name).is_some(), "{at} names {name}");
        }
        let is_view = VIEWS.contains(&at.as_str());
        if is_view && view_of(article).is_some_and(|kind| kind.is_timeline()) {
            assert!(!article.states.is_empty() && !article.events.is_empty() && article.need.is_some(), "{at}");
        }
        // What the commands record is what the view is said to be made from.
        if let Some(need) = article.need {
            let lines = need.lines(Tool::Lttng);
            for (event, _) in article.events.iter().filter(|(e, _)| !e.contains('*')) {
                let of_host = event.starts_with("kvm_") && !lines.contains("kvm_");
                let of_guest = event == "lttng_logger";
                assert!(of_host || of_guest || lines.contains(event.as_str()), "{at}: {event} is not recorded");
            }
        }
    }
}

#[test]
fn every_view_can_be_reached_from_its_article_and_has_its_title() {
    for entry in ENTRIES {
        let Command::TogglePane(kind) = entry.command() else { continue };
        let article = article(id_of(&kind)).unwrap();
        assert_eq!(article.title, kind.title());
        assert_eq!(view_of(article).map(|k| id_of(&k)), Some(id_of(&kind)));
    }
}

#[test]
fn every_state_but_nothing_is_shown_somewhere() {
    for state in RowState::ALL {
        let shown = articles().iter().any(|a| a.states.iter().any(|name| name == state.name()));
        assert!(shown, "{} is in no view", state.name());
    }
}

#[test]
fn texts_are_short_and_plain() {
    for article in articles() {
        let words: usize = article.about.iter().map(|p| p.split_whitespace().count()).sum();
        assert!((8..110).contains(&words), "{}: {words} words", article.id);
    }
    for (state, m) in states() {
        for text in [&m.does, &m.begins, &m.ends, &m.so] {
            assert!(text.ends_with(['.']) && text.split_whitespace().count() < 60, "{}: {text}", state.name());
            assert_eq!(text.matches('`').count() % 2, 0, "{}", state.name());
        }
    }
}

#[test]
fn a_search_finds_titles_first_and_texts_by_all_words() {
    let theme = Theme::dark();
    let found = search("steal", theme);
    assert_eq!(found.first(), Some(&Topic::View("steal")));
    let found = search("hlt wake-up", theme);
    assert!(found.contains(&Topic::State(RowState::Halted)), "{found:?}");
    assert!(search("preempted", theme).contains(&Topic::State(RowState::PreemptedByHost)));
    assert!(search("  ", theme).is_empty() && search("zebra", theme).is_empty());
}

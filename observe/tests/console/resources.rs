//! What tokio-console shows of what tasks wait for.

use super::tasks::{Console, LIMIT, Shown, time};
use console_api::field::{Name, Value};
use console_api::resources::resource::kind::{Kind, Known};
use console_api::{Attribute, Location};
use std::collections::BTreeMap;
use std::time::Instant;

/// A wait as tokio-console knows it, with the resource that it is for.
#[derive(Debug, Clone)]
struct Wait {
    source: String,
    task: Option<u64>,
    polls: u64,
    attributes: BTreeMap<String, String>,
    has_ended: bool,
    resource: Resource,
}

#[derive(Debug, Clone)]
struct Resource {
    concrete_type: String,
    kind: Option<Kind>,
    location: Location,
    attributes: BTreeMap<String, String>,
    has_ended: bool,
}

/// Names with values and units.
fn read(attributes: Vec<Attribute>) -> BTreeMap<String, String> {
    let read = attributes.into_iter().map(|attribute| {
        let field = attribute.field.unwrap();
        let Some(Name::StrName(name)) = field.name else { panic!("a field without a name: {field:?}") };
        let value = match field.value {
            Some(Value::BoolVal(is)) => is.to_string(),
            Some(Value::U64Val(n)) => n.to_string(),
            other => panic!("{name} is {other:?}"),
        };
        (name, value + &attribute.unit.unwrap_or_default())
    });
    read.collect()
}

impl Console {
    /// All waits that there are or were.
    fn waits(&self) -> Vec<Wait> {
        let update = self.update();
        let (resources, waits) = (update.resource_update.unwrap(), update.async_op_update.unwrap());
        assert_eq!((resources.dropped_events, waits.dropped_events), (0, 0));
        let mut stats = resources.stats_update;
        let resources = resources.new_resources.into_iter().map(|resource| {
            assert!(!resource.is_internal && resource.parent_resource_id.is_none(), "{resource:?}");
            let id = resource.id.unwrap().id;
            let stats = stats.remove(&id).unwrap();
            let resource = Resource {
                concrete_type: resource.concrete_type,
                kind: resource.kind.unwrap().kind,
                location: resource.location.unwrap(),
                attributes: read(stats.attributes),
                has_ended: time(stats.dropped_at).is_some(),
            };
            (id, resource)
        });
        let resources: BTreeMap<u64, Resource> = resources.collect();
        let mut stats = waits.stats_update;
        let waits = waits.new_async_ops.into_iter().map(|wait| {
            assert!(wait.parent_async_op_id.is_none(), "{wait:?}");
            let stats = stats.remove(&wait.id.unwrap().id).unwrap();
            Wait {
                source: wait.source,
                task: stats.task_id.map(|id| id.id),
                polls: stats.poll_stats.unwrap().polls,
                attributes: read(stats.attributes),
                has_ended: time(stats.dropped_at).is_some(),
                resource: resources[&wait.resource_id.unwrap().id].clone(),
            }
        });
        waits.collect()
    }

    /// What the task of that name waits for.
    fn waited_for_by(&self, name: &str) -> Wait {
        let task = self.wait(name, |_| true).id;
        let waits = self.waits();
        let mut its = waits.iter().filter(|wait| wait.task == Some(task));
        match (its.next(), its.next()) {
            (Some(wait), None) => wait.clone(),
            _ => panic!("{task} does not have one wait: {waits:#?}"),
        }
    }
}

/// A kind of resource, a wait for it, who waits, and what is said of both.
type Expected = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const WAITS: [Expected; 4] = [
    (
        "Sender|Receiver",
        "Receiver::await",
        "waits for a value",
        &["rx_dropped=false", "tx_dropped=false", "value_received=false", "value_sent=false"],
        &[],
    ),
    ("Mutex", "Mutex::lock", "waits for a lock", &["locked=true"], &[]),
    ("Semaphore", "Semaphore::acquire_many", "waits for permits", &["permits=2"], &["permits_requested=3"]),
    ("Sleep", "Sleep::new_timeout", "waits for time", &[], &[]),
];

fn text(attributes: &BTreeMap<String, String>) -> Vec<String> {
    attributes.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

/// Each of those tasks is shown with what it waits for, and that with the task.
pub(super) fn what_they_wait_for(console: &Console) {
    for (concrete_type, source, name, state, wanted) in WAITS {
        let wait = console.waited_for_by(name);
        assert_eq!((wait.source.as_str(), wait.polls, wait.has_ended), (source, 1, false), "{wait:#?}");
        let resource = &wait.resource;
        assert_eq!((resource.concrete_type.as_str(), resource.has_ended), (concrete_type, false));
        let location = &resource.location;
        assert!(location.file.as_ref().unwrap().ends_with("observe/tests/console/tasks.rs"), "{wait:#?}");
        assert!(location.line.is_some() && location.column.is_some(), "{wait:#?}");
        assert_eq!(text(&wait.attributes), wanted);
        if concrete_type == "Sleep" {
            assert_eq!(resource.kind, Some(Kind::Known(Known::Timer as i32)));
            let ms: u32 = resource.attributes["duration"].strip_suffix("ms").unwrap().parse().unwrap();
            assert!((1..=3_600_000).contains(&ms), "{wait:#?}");
        } else {
            assert_eq!(resource.kind, Some(Kind::Other("Sync".to_owned())));
            assert_eq!(text(&resource.attributes), state);
        }
    }
}

/// They, and what they waited for, are gone.
pub(super) fn they_have_ended(console: &Console) {
    for (_, source, name, ..) in WAITS {
        console.wait(name, Shown::is_ended);
        let begin = Instant::now();
        loop {
            let wait = console.waited_for_by(name);
            assert_eq!(wait.source, source);
            if wait.has_ended && wait.resource.has_ended {
                break;
            }
            assert!(begin.elapsed() < LIMIT, "{wait:#?}");
        }
    }
}

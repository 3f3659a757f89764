package dev.deltavec.kafka;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Configurable;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Gives partitions to the members of a {@link ShardGroup} as {@link Placement} says, and tells each
 * member of all. Public only because Kafka's consumer has to make it: of no use to others.
 *
 * <p>What members tell the one that assigns: {@link Note}. What it answers: the notes of all.
 */
public final class RendezvousAssignor implements ConsumerPartitionAssignor, Configurable {
  /** Name of the property that holds what an assignor belongs to. */
  static final String HOME = "deltavec.group.home";

  /** What an assignor belongs to. */
  interface Home {
    /** Returns what to tell others of this member. */
    Note note();

    /** Told of what a group has agreed on. */
    void agreed(long generation, List<Note> notes);
  }

  private @Nullable Home home;

  /** For Kafka's consumer. */
  public RendezvousAssignor() {}

  @Override
  public void configure(Map<String, ?> configs) {
    home = (Home) configs.get(HOME);
  }

  @Override
  public String name() {
    return "deltavec-rendezvous";
  }

  @Override
  public @Nullable ByteBuffer subscriptionUserData(Set<String> topics) {
    return home == null ? null : Note.encode(List.of(home.note()));
  }

  @Override
  public GroupAssignment assign(Cluster metadata, GroupSubscription groupSubscription) {
    Map<String, Subscription> subscriptions = groupSubscription.groupSubscription();
    Map<String, Note> notes = new TreeMap<>();
    Map<String, String> idOf = new HashMap<>();
    subscriptions.forEach((consumer, subscription) -> {
      Note note = Note.decode(subscription.userData()).getFirst();
      // The group keeps one process of an id; in between, the later one counts.
      Note other = notes.get(note.member().id());
      if (other == null || other.started() <= note.started()) {
        notes.put(note.member().id(), note);
        idOf.values().remove(note.member().id());
        idOf.put(consumer, note.member().id());
      }
    });
    List<Note> all = List.copyOf(notes.values());
    ByteBuffer told = Note.encode(all);
    Map<String, Assignment> assignments = new HashMap<>();
    String topic = subscriptions.values().iterator().next().topics().getFirst();
    Integer shards = metadata.partitionCountForTopic(topic);
    Placement placement =
        shards == null || shards == 0
            ? null
            : new Placement(shards, all.stream().map(Note::member).toList(), 0);
    for (String consumer : subscriptions.keySet()) {
      List<TopicPartition> partitions = new ArrayList<>();
      String id = idOf.get(consumer);
      if (id != null && placement != null) {
        placement.owned(id).forEach(shard -> partitions.add(new TopicPartition(topic, shard)));
      }
      assignments.put(consumer, new Assignment(partitions, told.duplicate()));
    }
    return new GroupAssignment(assignments);
  }

  @Override
  public void onAssignment(Assignment assignment, ConsumerGroupMetadata metadata) {
    if (home != null && assignment.userData() != null) {
      List<Note> notes = new ArrayList<>(Note.decode(assignment.userData()));
      notes.sort(Comparator.comparing(note -> note.member().id()));
      home.agreed(metadata.generationId(), notes);
    }
  }
}

import java.io.BufferedReader;
import java.io.File;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.DFSConfigKeys;
import org.apache.hadoop.hdfs.DistributedFileSystem;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.hdfs.MiniDFSNNTopology;
import org.apache.hadoop.hdfs.protocol.HdfsConstants;
import org.apache.hadoop.hdfs.server.datanode.DataNode;
import org.apache.hadoop.minikdc.MiniKdc;
import org.apache.hadoop.security.UserGroupInformation;

/**
 * A real HDFS in this process, for the tests: {@code MiniCluster FOLDER DATA_NODES SOFT_LIMIT_MS [ha | kerberos]}.
 *
 * <p>With {@code ha} there are two name nodes behind the name service {@code hourglass}, the first one active. With
 * {@code kerberos} there is a KDC, every connection is authenticated and encrypted, and {@code FOLDER/conf} also holds
 * krb5.conf and the keytab of {@code hourglass@EXAMPLE.COM}. What a client needs to know is in {@code FOLDER/conf}, as
 * HADOOP_CONF_DIR wants it.
 *
 * <p>Prints {@code ready PORT}, the (first) name node's; then each line on standard input is a fault, answered by {@code done} or by
 * {@code failed WHY}. At the end of the input it all goes down. See tests/support/hdfs.rs, its other half.
 */
public final class MiniCluster {
  /** Never within a test: it is the clients' part to recover what a crashed one held. */
  private static final long HARD_LIMIT_MS = 3_600_000;

  /**
   * After this the name node takes up a block's recovery again that has come to nothing, as when its own restart lost
   * the outcome. Hadoop waits for 30 heartbeats, 90 s as clusters are set up: here an hour is seconds too.
   */
  private static final long RECOVERY_AGAIN_MS = 3_000;

  private final MiniDFSCluster cluster;
  private final List<MiniDFSCluster.DataNodeProperties> stopped = new ArrayList<>();

  private MiniCluster(File folder, int dataNodes, long softLimit, String mode) throws Exception {
    boolean ha = mode.equals("ha");
    Configuration conf = new Configuration();
    conf.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, folder.getAbsolutePath());
    conf.setInt(DFSConfigKeys.DFS_REPLICATION_KEY, dataNodes);
    conf.setLong(DFSConfigKeys.DFS_NAMENODE_MIN_BLOCK_SIZE_KEY, 1024);
    conf.setInt(DFSConfigKeys.DFS_HEARTBEAT_INTERVAL_KEY, 1);
    conf.setInt(DFSConfigKeys.DFS_NAMENODE_HEARTBEAT_RECHECK_INTERVAL_KEY, 1000);
    conf.set("hadoop.user.group.static.mapping.overrides", "alice=people,analysts;bob=people");
    if (mode.equals("kerberos")) {
      secure(conf, folder);
    }
    UserGroupInformation.setConfiguration(conf);
    MiniDFSCluster.Builder builder = new MiniDFSCluster.Builder(conf).numDataNodes(dataNodes).format(true);
    if (ha) {
      builder.nnTopology(MiniDFSNNTopology.simpleHATopology());
    }
    cluster = builder.build();
    if (ha) {
      cluster.transitionToActive(0);
    }
    cluster.waitActive();
    tellClients(new File(folder, "conf"), ha, conf);
    for (int node = 0; node < cluster.getNumNameNodes(); node++) {
      hastenRecovery(node);
    }
    setLeaseLimit(softLimit);
    fileSystem().setPermission(new Path("/"), new FsPermission((short) 0777));
  }

  /** What both sides of a secured connection must say. */
  private static final String[] BOTH_SIDES = {
    "hadoop.security.authentication", "hadoop.rpc.protection", "dfs.data.transfer.protection",
  };

  /** Who may use the cluster is who its KDC knows; nothing goes over the wire in plain text. */
  private static void secure(Configuration conf, File folder) throws Exception {
    MiniKdc kdc = new MiniKdc(MiniKdc.createConf(), new File(folder, "kdc"));
    kdc.start();
    String servers = new File(folder, "servers.keytab").getAbsolutePath();
    kdc.createPrincipal(new File(servers), "hdfs/localhost", "HTTP/localhost");
    File clients = new File(folder, "conf");
    clients.mkdirs();
    kdc.createPrincipal(new File(clients, "hourglass.keytab"), "hourglass");
    Files.copy(kdc.getKrb5conf().toPath(), new File(clients, "krb5.conf").toPath());
    for (String server : new String[] {"namenode", "datanode"}) {
      conf.set("dfs." + server + ".kerberos.principal", "hdfs/localhost@" + kdc.getRealm());
      conf.set("dfs." + server + ".keytab.file", servers);
    }
    conf.set(DFSConfigKeys.DFS_WEB_AUTHENTICATION_KERBEROS_PRINCIPAL_KEY, "HTTP/localhost@" + kdc.getRealm());
    conf.set("hadoop.security.authentication", "kerberos");
    conf.set("hadoop.rpc.protection", "privacy");
    conf.set("dfs.data.transfer.protection", "privacy");
    conf.set("dfs.encrypt.data.transfer.cipher.suites", "AES/CTR/NoPadding");
    conf.setBoolean(DFSConfigKeys.DFS_BLOCK_ACCESS_TOKEN_ENABLE_KEY, true);
    conf.setBoolean(DFSConfigKeys.IGNORE_SECURE_PORTS_FOR_TESTING_KEY, true); // else only with HTTPS everywhere
  }

  /** Writes the configuration of a client. */
  private void tellClients(File folder, boolean ha, Configuration servers) throws Exception {
    folder.mkdirs();
    Configuration conf = new Configuration(false);
    for (String name : BOTH_SIDES) {
      if (servers.get(name) != null) {
        conf.set(name, servers.get(name));
      }
    }
    if (ha) {
      conf.set("fs.defaultFS", "hdfs://hourglass");
      conf.set("dfs.nameservices", "hourglass");
      conf.set("dfs.ha.namenodes.hourglass", "nn0,nn1");
      for (int node = 0; node < 2; node++) {
        conf.set("dfs.namenode.rpc-address.hourglass.nn" + node, "127.0.0.1:" + cluster.getNameNodePort(node));
      }
    } else {
      conf.set("fs.defaultFS", "hdfs://127.0.0.1:" + cluster.getNameNodePort());
    }
    try (FileOutputStream out = new FileOutputStream(new File(folder, "core-site.xml"))) {
      conf.writeXml(out);
    }
  }

  private void obey(String[] command) throws Exception {
    switch (command[0]) {
      case "restart-name-node", "start-name-node" -> {
        cluster.restartNameNode(0, false);
        hastenRecovery(0);
        cluster.waitActive(0);
      }
      case "stop-name-node" -> cluster.shutdownNameNode(0);
      case "fail-over" -> {
        cluster.transitionToStandby(0);
        cluster.transitionToActive(1);
      }
      case "lose-active" -> {
        cluster.shutdownNameNode(0);
        cluster.transitionToActive(1);
      }
      case "lease-limit" -> setLeaseLimit(Long.parseLong(command[1]));
      case "stop-data-node" -> stopped.add(cluster.stopDataNode(Integer.parseInt(command[1])));
      case "lose-data-node" -> lose(Integer.parseInt(command[1]));
      case "start-data-nodes" -> {
        for (MiniDFSCluster.DataNodeProperties node : stopped) {
          cluster.restartDataNode(node, true);
        }
        stopped.clear();
        cluster.waitActive();
      }
      case "space-quota" -> {
        fileSystem().mkdirs(new Path(command[1]));
        fileSystem().setQuota(new Path(command[1]), HdfsConstants.QUOTA_DONT_SET, quota(command[2]));
      }
      case "throttle-data-nodes" -> {
        for (DataNode node : cluster.getDataNodes()) {
          node.reconfigureProperty(DFSConfigKeys.DFS_DATANODE_DATA_WRITE_BANDWIDTHPERSEC_KEY, command[1]);
        }
      }
      case "list" -> {
        RemoteIterator<LocatedFileStatus> files = fileSystem().listFiles(new Path(command[1]), true);
        while (files.hasNext()) {
          System.out.println("told " + files.next().getPath().toUri().getPath());
        }
      }
      case "erasure-code" -> {
        fileSystem().mkdirs(new Path(command[1]));
        fileSystem().enableErasureCodingPolicy(command[2]);
        fileSystem().setErasureCodingPolicy(new Path(command[1]), command[2]);
      }
      default -> throw new IllegalArgumentException("unknown");
    }
  }

  /** Stops a data node, and waits until the name node reckons with it no more. */
  private void lose(int index) throws Exception {
    MiniDFSCluster.DataNodeProperties node = cluster.stopDataNode(index);
    stopped.add(node);
    cluster.setDataNodeDead(node.getDatanode().getDatanodeId());
    while (cluster.getNamesystem(0).getNumDeadDataNodes() < stopped.size()) {
      Thread.sleep(50);
    }
  }

  private void hastenRecovery(int node) {
    cluster.getNamesystem(node).getBlockManager().setBlockRecoveryTimeout(RECOVERY_AGAIN_MS);
  }

  /** Of the first name node, while it is active. */
  private void setLeaseLimit(long softLimit) {
    cluster.setLeasePeriod(softLimit, HARD_LIMIT_MS, 0);
  }

  private static long quota(String bytes) {
    return bytes.equals("none") ? HdfsConstants.QUOTA_RESET : Long.parseLong(bytes);
  }

  private DistributedFileSystem fileSystem() throws Exception {
    return cluster.getFileSystem(0);
  }

  public static void main(String[] arguments) {
    try {
      serve(arguments);
      System.exit(0);
    } catch (Exception failure) {
      failure.printStackTrace();
      System.exit(1); // Hadoop's threads would keep the process alive.
    }
  }

  private static void serve(String[] arguments) throws Exception {
    String mode = arguments.length > 3 ? arguments[3] : "";
    MiniCluster mini =
        new MiniCluster(new File(arguments[0]), Integer.parseInt(arguments[1]), Long.parseLong(arguments[2]), mode);
    System.out.println("ready " + mini.cluster.getNameNodePort(0));
    BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
    for (String line = commands.readLine(); line != null; line = commands.readLine()) {
      try {
        mini.obey(line.split(" "));
        System.out.println("done");
      } catch (Exception failure) {
        System.out.println("failed " + String.valueOf(failure).replace('\n', ' '));
      }
    }
    mini.cluster.shutdown(true);
  }
}
